import base64
import json
import random
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from live import wire
from live.frames import JSON, MSGPACK, VARIANTS, Frame, Variant, frame_of
from live.limits import DEFLATE_LEAST_BYTES
from tests.unit.live.live_strategies import empty_snapshot, events

lengths = st.sampled_from([0, 1, 125, 126, 127, 128, 129, 1_000, 65_535, 65_536, 70_000])
SAME = b"x" * 70_000
NOISE = base64.b64encode(random.Random(1).randbytes(70_000))


def parsed(data: bytes, *, deflated: bool = False) -> list[tuple[Opcode, bytes]]:
    """Return what a client of another library reads, which keeps no window from one message to the next."""
    protocol = ClientProtocol(parse_uri("ws://gateway.test"), state=OPEN, max_size=None)
    if deflated:
        protocol.extensions = [PerMessageDeflate(True, True, 15, 15)]
    protocol.receive_data(data)
    assert protocol.parser_exc is None
    return [(one.opcode, bytes(one.data)) for one in protocol.events_received() if isinstance(one, WsFrame)]


@pytest.mark.parametrize("variant", VARIANTS)
@given(many=st.lists(st.tuples(st.sampled_from([SAME, NOISE]), lengths), max_size=4))
def test_another_library_reads_our_frames_however_long(variant: Variant, many: list[tuple[bytes, int]]) -> None:
    payloads = [text[:length] for text, length in many]
    opcode = Opcode.BINARY if variant.binary else Opcode.TEXT
    data = b"".join(frame_of(one, variant) for one in payloads)
    assert parsed(data, deflated=variant.deflated) == [(opcode, one) for one in payloads]


@given(st.binary(max_size=600), st.booleans())
def test_a_compressed_frame_is_never_longer_than_a_plain_one(payload: bytes, binary: bool) -> None:
    plain, deflated = frame_of(payload, Variant(binary)), frame_of(payload, Variant(binary, deflated=True))
    assert len(deflated) <= len(plain)
    if len(deflated) == len(plain):
        assert deflated == plain


def test_long_messages_are_compressed_and_short_ones_are_not() -> None:
    deflated = Variant(deflated=True)
    short, long = b"x" * (DEFLATE_LEAST_BYTES - 1), b"x" * DEFLATE_LEAST_BYTES
    assert frame_of(short, deflated) == frame_of(short, JSON)
    assert len(frame_of(long, deflated)) < 20
    noise = random.Random(1).randbytes(2 * DEFLATE_LEAST_BYTES)
    assert frame_of(noise, Variant(binary=True, deflated=True)) == frame_of(noise, MSGPACK)


def test_a_compressed_message_ends_where_the_standard_says() -> None:
    tail = b"\x00\x00\xff\xff"  # left out by the sender and put back by the reader: RFC 7692, 7.2.1 and 7.2.2
    packed = frame_of(SAME[:500], Variant(deflated=True))[2:]
    assert not packed.endswith(tail)
    assert zlib.decompressobj(wbits=-15).decompress(packed + tail) == SAME[:500]


def test_what_was_not_negotiated_is_not_used() -> None:
    assert frame_of(b"x" * 1_000, JSON)[0] == 0x81
    assert frame_of(b"x" * 1_000, MSGPACK)[0] == 0x82
    assert frame_of(b"x" * 1_000, Variant(deflated=True))[0] == 0xC1
    assert frame_of(b"x" * 1_000, Variant(binary=True, deflated=True))[0] == 0xC2


def test_a_frame_is_built_once_per_variant_and_says_the_same_in_all() -> None:
    card = wire.ProductCard(product_id="prod_1", title="x" * 500, image=None, variants=[])
    frame = Frame(wire.ProductSpotlight(seq=7, products=[card]))
    said = []
    for variant in VARIANTS:
        data = frame.of(variant)
        assert data is frame.of(Variant(variant.binary, variant.deflated))
        [(_, payload)] = parsed(data, deflated=variant.deflated)
        said.append(msgspec.msgpack.decode(payload) if variant.binary else json.loads(payload))
    assert said == [said[0]] * len(VARIANTS)
    assert said[0]["type"] == "product.spotlight"
    assert len({frame.of(variant) for variant in VARIANTS}) == len(VARIANTS)


@given(events)
def test_events_of_the_log_are_log(event: wire.LogEvents) -> None:
    assert Frame(event).is_log


@pytest.mark.parametrize(
    "message",
    [
        wire.Viewers(count=1),
        wire.Reactions(counts={"heart": 1}),
        wire.OfferStock(offer_id="offer_1", available=1, held=0, sold=0),
        wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"),
        wire.Welcome(
            session_id="s",
            epoch="e",
            seq=1,
            server_time_ms=0,
            heartbeat_ms=1,
            recovered=False,
            holds=[],
            snapshot=empty_snapshot(),
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_state_and_replies_are_not_log(message: wire.ServerMessage) -> None:
    assert not Frame(message).is_log
