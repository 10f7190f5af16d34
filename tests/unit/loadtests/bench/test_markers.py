"""What the crowd makes of the bytes it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.bench.board import Board, new_clock
from loadtests.bench.limits import EVENTS_MOST
from loadtests.bench.markers import HEAD, Markers, find_markers, number_of
from loadtests.bench.server_frames import text_frame
from loadtests.bench.target import MARKER, numbered

SIZE = 4096


def feed(markers: Markers, viewer: int, data: bytes, at_ns: int = 0) -> None:
    markers.buffer[HEAD : HEAD + len(data)] = data
    markers.take(viewer, len(data), at_ns)


def event(number: int) -> bytes:
    return text_frame(numbered(b'{"title":"' + MARKER + b'"}', number))


@pytest.fixture
def board() -> Board:
    return Board(3, new_clock())


@pytest.fixture
def markers(board: Board) -> Markers:
    return Markers(board, SIZE)


def test_every_viewer_gets_every_event_once(board: Board, markers: Markers) -> None:
    for number in range(1, 4):
        for viewer in range(3):
            feed(markers, viewer, event(number))
    assert list(board.newest) == [3, 3, 3]
    assert (markers.deliveries, markers.doubles, markers.missed) == (9, 0, 0)


def test_a_skipped_event_is_missed(board: Board, markers: Markers) -> None:
    feed(markers, 0, event(1))
    feed(markers, 0, event(4))
    assert (markers.deliveries, markers.missed, board.newest[0]) == (2, 2, 4)


def test_an_event_that_comes_again_or_late_is_a_double(board: Board, markers: Markers) -> None:
    feed(markers, 0, event(1) + event(2))
    feed(markers, 0, event(2))
    feed(markers, 0, event(1))
    assert (markers.deliveries, markers.doubles, board.newest[0]) == (2, 2, 2)


def test_the_same_bytes_twice_for_one_viewer_are_doubles_on_the_short_way_too(markers: Markers) -> None:
    feed(markers, 0, event(1))
    feed(markers, 1, event(1))
    feed(markers, 1, event(1))
    assert (markers.deliveries, markers.doubles) == (2, 1)


def test_the_length_of_a_frame_may_look_like_the_beginning_of_a_marker(board: Board, markers: Markers) -> None:
    payload = numbered(MARKER, 1) + b"x" * (ord("#") - len(MARKER))
    frame = text_frame(payload)
    assert frame[1:2] == b"#"
    feed(markers, 0, frame)
    assert (markers.deliveries, board.newest[0]) == (1, 1)


def test_the_end_of_an_event_is_no_event_for_somebody_else(board: Board, markers: Markers) -> None:
    feed(markers, 0, event(1)[:-8])
    feed(markers, 0, event(1)[-8:])
    feed(markers, 1, event(1)[-8:])
    assert list(board.newest) == [1, 0, 0]


def test_waits_are_counted_by_how_long_they_were(board: Board, markers: Markers) -> None:
    board.sent_at_ns[1] = 1_000_000
    feed(markers, 0, event(1), at_ns=3_000_000)
    feed(markers, 1, event(1), at_ns=1_000_000 + 60 * 10**9)
    assert board.wait_ms(0.5) == pytest.approx(2.01)
    assert board.wait_ms(1.0) == pytest.approx(20_000)
    board.clear_waits()
    assert board.wait_ms(0.5) == 0


@given(st.lists(st.integers(1, 60), max_size=30), st.integers(1, 12))
def test_however_the_stream_is_cut_the_events_are_the_same(cuts: list[int], events: int) -> None:
    board = Board(2, new_clock())
    markers = Markers(board, SIZE)
    stream = b"".join(event(number) for number in range(1, events + 1))
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        if piece:
            feed(markers, 0, piece)
            feed(markers, 1, b"\x8a\x00")  # somebody else's pong in between
    if stream:
        feed(markers, 0, stream)
    assert (board.newest[0], board.newest[1]) == (events, 0)
    assert (markers.deliveries, markers.doubles, markers.missed) == (events, 0, 0)


@pytest.mark.parametrize("data", [b"#0000000a#", b"#00000001x", b"#00000000#", b"#%08d#" % (EVENTS_MOST + 1), b"#1#"])
def test_what_is_no_marker_has_no_number(data: bytes) -> None:
    assert number_of(data) == 0


def test_the_beginning_of_a_marker_is_handed_back() -> None:
    assert find_markers(bytearray(b"..#00000007#..#0000"), 0, 19) == ([7], b"#0000")
