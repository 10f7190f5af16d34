import msgspec
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from live import wire
from live.frames import Frame, binary_frame, text_frame


def parsed(data: bytes) -> list[tuple[Opcode, bytes]]:
    protocol = ClientProtocol(parse_uri("ws://gateway.test"), state=OPEN, max_size=None)
    protocol.receive_data(data)
    return [(one.opcode, bytes(one.data)) for one in protocol.events_received() if isinstance(one, WsFrame)]


@given(st.lists(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70_000]), max_size=5))
def test_another_library_reads_our_frames_however_long(lengths: list[int]) -> None:
    payloads = [b"x" * length for length in lengths]
    assert parsed(b"".join(map(text_frame, payloads))) == [(Opcode.TEXT, one) for one in payloads]
    assert parsed(b"".join(map(binary_frame, payloads))) == [(Opcode.BINARY, one) for one in payloads]


def test_a_frame_is_built_once_per_encoding_and_says_the_same_in_both() -> None:
    frame = Frame(wire.Viewers(count=7))
    assert frame.json is frame.json
    assert frame.msgpack is frame.msgpack
    [(text, json)], [(binary, msgpack)] = parsed(frame.json), parsed(frame.msgpack)
    assert (text, binary) == (Opcode.TEXT, Opcode.BINARY)
    assert msgspec.json.decode(json) == msgspec.msgpack.decode(msgpack) == {"type": "viewers", "count": 7}
