"""The short way past the library's frame reader gives the messages that the reader would have given, or steps aside."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from live.whole_messages_ws import FrameTail, whole_messages

SHORT = st.binary(max_size=125)
BODIES = st.one_of(SHORT, st.binary(min_size=126, max_size=400))
OPCODES = st.sampled_from((Opcode.TEXT, Opcode.BINARY))


def masked(body: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, body, fin).serialize(mask=True)


FRAMES = st.builds(
    lambda body, opcode, fin: masked(body, opcode, fin=fin),
    BODIES,
    st.sampled_from((Opcode.TEXT, Opcode.BINARY, Opcode.CONT)),
    st.booleans(),
) | st.builds(masked, SHORT, st.sampled_from((Opcode.PING, Opcode.PONG, Opcode.CLOSE)))


def read_by_the_library(data: bytes) -> list[bytes]:
    protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=8192)
    protocol.receive_data(data)
    assert protocol.state is State.OPEN
    return [bytes(event.data) for event in protocol.events_received() if isinstance(event, Frame)]


@given(st.lists(st.tuples(SHORT, OPCODES), max_size=6))
def test_whole_short_messages_are_read_as_the_library_reads_them(sent: list[tuple[bytes, Opcode]]) -> None:
    data = b"".join(masked(body, opcode) for body, opcode in sent)
    assert whole_messages(data) == [body for body, _ in sent] == read_by_the_library(data)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_it_and_what_it_takes_the_library_takes_too(data: bytes) -> None:
    messages = whole_messages(data)
    assert messages is None or messages == read_by_the_library(data)


@pytest.mark.parametrize(
    "odd",
    [
        masked(b"ping", Opcode.PING),
        masked(b"", Opcode.PONG),
        masked(b"half", fin=False),
        masked(b"rest", Opcode.CONT),
        masked(struct.pack("!H", 1000), Opcode.CLOSE),
        masked(b"x" * 126),
        masked(b"cut")[:-1],
        masked(b"cut")[:3],
        b"\xc1" + masked(b"compressed")[1:],
        Frame(Opcode.TEXT, b"not masked").serialize(mask=False),
    ],
    ids=["ping", "pong", "half", "rest", "close", "long", "cut at its end", "cut in its head", "compressed", "bare"],
)
def test_it_steps_aside_for_everything_else_wherever_it_stands(odd: bytes) -> None:
    assert whole_messages(odd) is None
    assert whole_messages(masked(b"before") + odd) is None


@given(st.lists(FRAMES, max_size=5), st.data())
def test_the_tail_knows_at_every_byte_whether_a_frame_goes_on(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frames)
    ends = {sum(map(len, frames[:n])) for n in range(len(frames) + 1)}
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {len(stream)})
    tail, at = FrameTail(), 0
    for cut in cuts:
        assert tail.takes(stream[at:cut]) == (cut not in ends)
        at = cut


def test_a_frame_of_eight_length_bytes_is_counted_too() -> None:
    frame, tail = masked(b"x" * 70_000), FrameTail()
    assert tail.takes(frame[:-1])
    assert not tail.takes(frame[-1:])
