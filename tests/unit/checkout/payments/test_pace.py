"""The limiter: never more than N starts in a second, in order, bounded, and slower after a complaint."""

import asyncio

import pytest

from checkout.limits import PACE_MOST_WAIT_S
from checkout.payments.pace import PacedCalls
from kit.errors import UnavailableError


async def test_callers_go_in_the_order_in_which_they_came() -> None:
    calls = PacedCalls(20)
    went: list[int] = []

    async def caller(number: int) -> None:
        await calls.turn("create")
        went.append(number)

    await asyncio.gather(*(caller(number) for number in range(30)))
    assert went == list(range(30))


async def test_a_full_line_refuses_at_once_and_another_endpoint_is_free() -> None:
    calls = PacedCalls(1)
    waiting = [asyncio.create_task(calls.turn("create")) for _ in range(1 + int(PACE_MOST_WAIT_S))]
    await asyncio.sleep(0.01)  # one has gone, the others wait
    with pytest.raises(UnavailableError) as refused:
        await calls.turn("create")
    assert refused.value.code == "overloaded"
    await calls.turn("refund")
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    free = asyncio.create_task(calls.turn("create"))
    await asyncio.sleep(0.01)
    assert not free.done()  # those who were cancelled left the line, but the second is not over
    free.cancel()
    await asyncio.gather(free, return_exceptions=True)
