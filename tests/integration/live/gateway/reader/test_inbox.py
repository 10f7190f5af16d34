"""Buyers whose inbox is lost or is older than what they heard."""

import asyncio

from live import wire
from live.close_codes import CloseCode
from live.show_log_redis import RedisLog, channel_of
from tests.integration.live.gateway.house import House
from tests.integration.live.test_show_log import come_back_older, memory_of


async def test_buyers_stay_when_their_inbox_is_lost_and_they_had_all_of_it(house: House) -> None:
    show_id = await house.show()
    ana = await house.watch(show_id, "ana")
    await tell(house, show_id, "ana", "hold_1")
    await house.stores.redis.delete(f"{{{show_id}}}:inbox", f"{{{show_id}}}:inbox:meta")
    await tell(house, show_id, "ana", "hold_2")
    await tell(house, show_id, "ana", "hold_3")
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 3)
    assert [one.hold_id for one in ana.all(wire.HoldReleased)] == ["hold_1", "hold_2", "hold_3"]
    assert ana.close_code is None


async def test_buyers_hear_what_an_inbox_with_an_older_memory_goes_on_with(house: House) -> None:
    show_id = await house.show()
    ana = await house.watch(show_id, "ana")
    await tell(house, show_id, "ana", "hold_1")
    older = await memory_of(house.stores.redis, show_id)
    for hold_id in ("hold_2", "hold_3"):
        await tell(house, show_id, "ana", hold_id)
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 3)
    await come_back_older(house.stores.redis, older)
    await tell(house, show_id, "ana", "hold_4")
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 4)
    assert ana.all(wire.HoldReleased)[-1].hold_id == "hold_4"
    assert ana.close_code is None


async def test_buyers_are_sent_back_when_news_is_lost_that_they_did_not_have_and_guests_stay(house: House) -> None:
    show_id = await house.show()
    ana, guest = await house.watch(show_id, "ana"), await house.watch(show_id)
    [position] = await house.stores.inbox_log.positions([show_id])
    assert position is not None
    lost = f"{position.epoch} {position.seq + 5} {{}}"
    await house.stores.redis.publish(channel_of("inbox", show_id), lost)
    await asyncio.sleep(0.2)
    await house.stores.redis.delete(f"{{{show_id}}}:inbox", f"{{{show_id}}}:inbox:meta")
    await tell(house, show_id, "bob", "hold_1")
    assert await ana.closed() == CloseCode.STATE_LOST
    await house.events(show_id, 1)
    await guest.up_to(2)
    assert guest.close_code is None


async def tell(house: House, show_id: str, buyer_id: str, hold_id: str) -> None:
    event = wire.encode_json(wire.HoldReleased(hold_id=hold_id, offer_id="offer_1"))
    news = b'{"buyer_id":"%s","event":%s}' % (buyer_id.encode(), event)
    await RedisLog(house.stores.redis, "inbox").append(show_id, news)
