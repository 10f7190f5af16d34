import asyncio
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.handover import CrlfLines, Handover

cells = st.lists(st.lists(st.text(alphabet='a,"\r\n é'), min_size=2, max_size=3), max_size=8)


def written(rows: list[list[str]], line_end: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


@given(rows=cells, cuts=st.lists(st.integers(0, 200), max_size=4))
def test_line_ends_change_and_breaks_inside_quotes_stay_wherever_the_text_is_cut(
    rows: list[list[str]], cuts: list[int]
) -> None:
    text, line_ends, converted, at = written(rows, "\n"), CrlfLines(), b"", 0
    for cut in [*sorted(cuts), len(text)]:
        converted += line_ends.convert(text[at:cut])
        at = max(at, cut)
    assert converted == written(rows, "\r\n")


async def test_pieces_come_out_as_they_went_in_and_then_nothing() -> None:
    handover = Handover(100)
    await handover.put(b"ab")
    await handover.put(b"cd")
    assert await handover.take() == b"abcd"
    handover.end()
    assert await handover.take() == b""
    assert await handover.take() == b""


async def test_a_writer_is_never_further_ahead_than_the_bound_and_one_piece() -> None:
    handover = Handover(10)
    written_bytes = read_bytes = 0

    async def write() -> None:
        nonlocal written_bytes
        for _ in range(50):
            await handover.put(b"1234")
            written_bytes += 4
        handover.end()

    writing = asyncio.create_task(write())
    while piece := await handover.take():
        read_bytes += len(piece)
        await asyncio.sleep(0)
        assert written_bytes - read_bytes <= 14
    await writing
    assert read_bytes == 200


async def test_what_was_written_before_the_end_is_still_read() -> None:
    handover = Handover(10)
    await handover.put(b"last words")
    handover.end()
    assert await handover.take() == b"last words"
    assert await handover.take() == b""


async def test_a_reader_waits_for_the_first_piece() -> None:
    handover = Handover(10)
    taking = asyncio.create_task(handover.take())
    await asyncio.sleep(0)
    assert not taking.done()
    await handover.put(b"x")
    assert await taking == b"x"


async def test_a_writer_without_a_reader_waits() -> None:
    handover = Handover(1)
    await handover.put(b"x")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await handover.put(b"y")
    assert await handover.take() == b"x"
