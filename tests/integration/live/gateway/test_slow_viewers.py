"""Viewers who do not read: the others notice nothing, memory stays bounded, and nobody loses an event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from live import wire
from live.limits import WRITE_HARD_BYTES, WRITE_SOFT_BYTES
from tests.integration.live.gateway.crowd import CUT, Light, crowd, resident_bytes, until
from tests.integration.live.gateway.house import House, a_claim

VIEWERS = 200
SLOW = 'showdrop_gateway_closes_total{code="4001"}'
SOCKET_BYTES = 4096
"""Asked of the kernel, which takes more: with both ends some 20 KB, so that a viewer falls behind soon."""

EVENT_VARIANTS = 40
EVENT_BYTES = 4_000
"""At least this much is one event."""


MEMORY_BYTES = WRITE_HARD_BYTES * VIEWERS // 2
"""What the process may grow by: frames are shared, so it stays far below the hard limit times the viewers."""


@pytest.fixture(autouse=True)
def small_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.gateway.SOCKET_SEND_BYTES", SOCKET_BYTES)


class Show:
    """A show with large events and counts that change all the while."""

    def __init__(self, house: House, show_id: str, product_id: str, offer_id: str) -> None:
        self.house = house
        self.show_id = show_id
        self.newest = 0
        self._product_id = product_id
        self._offer_id = offer_id

    async def events(self, count: int) -> None:
        """Make large events, and changes of stock between them."""
        buyer = await self.house.watch(self.show_id, "ana")
        for n in range(count):
            await self.house.stage.spotlight(self.show_id, [self._product_id])
            if n % 4 == 0:
                await buyer.say(a_claim(self._offer_id))
                await buyer.get(wire.ClaimAccepted, n // 4 + 1)
            await asyncio.sleep(0.02)
        self.newest = await self.house.seq(self.show_id)
        held = len(buyer.all(wire.ClaimAccepted))
        await buyer.when(lambda: buyer.all(wire.OfferStock)[-1].held >= held)
        await buyer.leave()


@asynccontextmanager
async def a_show(house: House, stalled: int) -> AsyncIterator[tuple[Show, list[Light], list[Light]]]:
    """A show, viewers who do not read, and others who do."""
    show_id = await house.show()
    product_id, _ = await house.product(variants=EVENT_VARIANTS)
    offer_id = await house.offer(show_id, quantity=500, limit=500)
    port = house.place.settings.ws_port
    async with (
        crowd(port, show_id, [wire.Hello()] * stalled, receive_bytes=SOCKET_BYTES) as deaf,
        crowd(port, show_id, [wire.Hello()] * (VIEWERS - stalled)) as others,
    ):
        for one in deaf:
            one.transport.pause_reading()
        yield Show(house, show_id, product_id, offer_id), deaf, others


def log_of(show: Show, viewer: Light) -> list[int]:
    """Return the positions that a viewer has to be told, all of them."""
    return list(range(viewer.all("welcome")[0].seq + 1, show.newest + 1))


@pytest.mark.parametrize("stalled", [VIEWERS // 20, VIEWERS], ids=["5 %", "all"])
async def test_above_the_soft_limit_state_is_left_out_and_no_event_is(house: House, stalled: int) -> None:
    # More than the soft limit and what the kernel holds, less than the hard one.
    count = (WRITE_SOFT_BYTES + WRITE_HARD_BYTES) // 2 // (EVENT_BYTES + 500)
    async with a_show(house, stalled) as (show, deaf, others):
        before = resident_bytes()
        await show.events(count)
        await until(lambda: all(one.seqs == log_of(show, one) for one in others))
        assert resident_bytes() - before < MEMORY_BYTES
        assert await house.metric(SLOW) == 0
        for one in deaf:
            one.transport.resume_reading()
        await until(lambda: all(one.seqs == log_of(show, one) for one in deaf))
        # The last counts come to everyone, however many there were before.
        claims = (count + 3) // 4
        everyone = [*deaf, *others]
        await until(lambda: all(one.all("offer.stock")[-1].held == claims for one in everyone))
        assert all(one.close_code is None for one in everyone)
        told = [len(one.all("offer.stock")) for one in others] or [claims]
        assert max(len(one.all("offer.stock")) for one in deaf) < min(told)


@pytest.mark.parametrize("stalled", [VIEWERS // 20, VIEWERS], ids=["5 %", "all"])
async def test_past_the_hard_limit_they_are_cut_and_come_back_without_a_loss(house: House, stalled: int) -> None:
    count = 2 * WRITE_HARD_BYTES // EVENT_BYTES
    async with a_show(house, stalled) as (show, deaf, others):
        before = resident_bytes()
        await show.events(count)
        await until(lambda: all(one.seqs == log_of(show, one) for one in others))
        assert resident_bytes() - before < MEMORY_BYTES
        assert await house.metric(SLOW) == stalled
        assert all(one.close_code is None for one in others)
        for one in deaf:
            one.transport.resume_reading()
        await until(lambda: all(one.close_code == CUT for one in deaf))
        await check_resume(show, deaf)


async def test_above_the_soft_limit_for_too_long_they_are_cut_and_come_back_without_a_loss(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.viewer_ws.WRITE_BEHIND_MOST_S", 1.0)
    count = (WRITE_SOFT_BYTES + WRITE_HARD_BYTES) // 2 // (EVENT_BYTES + 500)
    async with a_show(house, VIEWERS // 20) as (show, deaf, others):
        await show.events(count)
        await until_slow(house, len(deaf))
        await until(lambda: all(one.seqs == log_of(show, one) for one in others))
        assert all(one.close_code is None for one in others)
        for one in deaf:
            one.transport.resume_reading()
        await until(lambda: all(one.close_code == CUT for one in deaf))
        await check_resume(show, deaf)


async def until_slow(house: House, count: int) -> None:
    async with asyncio.timeout(8):
        while await house.metric(SLOW) < count:
            await asyncio.sleep(0.1)
    assert await house.metric(SLOW) == count


async def check_resume(show: Show, cut: list[Light]) -> None:
    """Check that who was cut gets what is missing, and nothing else."""
    epoch = cut[0].all("welcome")[0].epoch
    seen = [(one.all("welcome")[0].seq, one.seqs) for one in cut]
    hellos = [wire.Hello(resume=wire.Position(epoch, seqs[-1] if seqs else joined)) for joined, seqs in seen]
    async with crowd(show.house.place.settings.ws_port, show.show_id, hellos) as back:
        for one, (joined, seqs) in zip(back, seen, strict=True):
            missing = list(range((seqs[-1] if seqs else joined) + 1, show.newest + 1))
            await until(partial(_has, one, missing))
            assert one.all("welcome")[0].recovered
            assert [*seqs, *missing] == list(range(joined + 1, show.newest + 1))


def _has(viewer: Light, seqs: list[int]) -> bool:
    return viewer.seqs == seqs
