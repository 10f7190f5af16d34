"""The inbox: what buyers are told goes to the log of their show, many at a time."""

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from inventory.pools_pg import Pools
from kit.errors import UnavailableError
from kit.ids import new_id
from kit.postgres import Postgres
from live import wire
from live.inbox import Inbox
from live.limits import NEWS_MOST_QUEUED
from live.offers import OfferDirectory
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers


class WatchedLog(RedisLog):
    """The real log; it notes how many entries came in each call, and one show's stands still while it is told to."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis, "inbox")
        self.sizes: list[int] = []
        self.stands_still: str | None = None
        self.goes_on = asyncio.Event()

    async def post(self, show_id: str, entries: Sequence[tuple[bytes, str]]) -> list[bool]:
        self.sizes.append(len(entries))
        if show_id == self.stands_still:
            await self.goes_on.wait()
        return await super().post(show_id, entries)


@pytest.fixture
def log(redis: Redis) -> WatchedLog:
    return WatchedLog(redis)


@pytest.fixture
def inbox(log: WatchedLog, postgres: Postgres) -> Inbox:
    return Inbox(log, OfferDirectory(Pools(postgres), ShowOffers(postgres)))


def posting(inbox: Inbox, show_id: str, number: int) -> "asyncio.Task[bool]":
    event = wire.HoldExpired(hold_id=f"hold_{number}", offer_id="offer_1")
    return asyncio.create_task(inbox.post(show_id, f"buyer_{number}", event, mark=f"{show_id}:{number}"))


async def test_what_comes_during_a_call_goes_together_in_the_next_one(inbox: Inbox, log: WatchedLog) -> None:
    show_id = new_id("show")
    log.stands_still = show_id
    posts = [posting(inbox, show_id, 0)]
    await asyncio.sleep(0.01)
    posts += [posting(inbox, show_id, number) for number in range(1, 40)]
    await asyncio.sleep(0.01)
    log.goes_on.set()
    assert await asyncio.gather(*posts) == [True] * 40
    assert log.sizes == [1, 39]
    assert await posting(inbox, show_id, 7) is False, "the same mark is no news"


async def test_a_closed_inbox_has_posted_what_it_took_and_takes_no_more(inbox: Inbox) -> None:
    show_id = new_id("show")
    post = posting(inbox, show_id, 1)
    await asyncio.sleep(0)
    await inbox.close()
    assert await post
    for one in (show_id, new_id("show")):
        with pytest.raises(UnavailableError):
            await posting(inbox, one, 2)


async def test_a_show_whose_log_stands_still_keeps_no_other_from_its_news(inbox: Inbox, log: WatchedLog) -> None:
    show_id = new_id("show")
    log.stands_still = show_id
    in_the_call = posting(inbox, show_id, 0)
    await asyncio.sleep(0.01)
    waiting = [posting(inbox, show_id, number) for number in range(1, NEWS_MOST_QUEUED + 2)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION, timeout=10)
    [refused] = done
    assert isinstance(refused.exception(), UnavailableError), "as many wait as may, and this is one too many"
    assert await posting(inbox, new_id("show"), 1)
    log.goes_on.set()
    await asyncio.gather(in_the_call, *waiting, return_exceptions=True)
