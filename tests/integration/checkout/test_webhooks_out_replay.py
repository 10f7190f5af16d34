"""Looking back: replaying one delivery or a range, trying an address out, and forgetting what is old."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from standardwebhooks import Webhook
from starlette.responses import Response

from checkout.webhooks.housekeeping_pg import HookHousekeeping
from checkout.webhooks.limits import ENDPOINTS_MOST, KEPT_MS
from kit.errors import ConflictError, NotFoundError
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.hook_house import House, Receiver, receiving

EVER = 2**53


@pytest.fixture
def house(shop: Shop) -> House:
    return House(shop)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_one_delivery_is_sent_again_with_its_id_whatever_became_of_it(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    await house.queued()
    await house.send()
    delivery = await house.only(made)
    replayed = await house.log.replay(made.endpoint.endpoint_id, delivery.delivery_id)
    assert replayed.state == "pending"
    assert await house.send() == 1
    first, second = receiver.calls
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert (await house.only(made)).tries == 2


async def test_a_failed_delivery_gets_a_whole_new_schedule(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    await house.queued()
    await house.shop.execute("UPDATE webhook_deliveries SET attempts = 11")
    receiver.answers = [Response(status_code=500), Response(status_code=500)]
    await house.send()
    failed = await house.only(made)
    assert failed.state == "failed"
    await house.log.replay(made.endpoint.endpoint_id, failed.delivery_id)
    await house.send()
    assert (await house.only(made)).state == "pending"


async def test_a_range_of_time_is_sent_again_piece_by_piece(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    endpoint_id = made.endpoint.endpoint_id
    await house.queued(25)
    await house.send()
    times = sorted(one.created_at_ms for one in await house.deliveries(made))
    await house.shop.execute(
        "UPDATE webhook_deliveries SET state = 'failed' WHERE delivery_id IN"
        " (SELECT delivery_id FROM webhook_deliveries ORDER BY delivery_id LIMIT 4)"
    )
    failed = await house.log.replay_range(endpoint_id, since_at_ms=0, until_at_ms=EVER, only_failed=True)
    assert (failed.replayed, failed.next, await house.send()) == (4, None, 4)
    before = await house.log.replay_range(endpoint_id, since_at_ms=0, until_at_ms=times[0])
    assert (before.replayed, before.next) == (0, None)
    after, counts = None, []
    while True:
        part = await house.log.replay_range(
            endpoint_id, since_at_ms=times[0], until_at_ms=times[-1] + 1, after=after, most=10
        )
        counts.append(part.replayed)
        after = part.next
        if after is None:
            break
    assert (counts, await house.send()) == ([10, 10, 5], 25)
    assert len({call.message_id for call in receiver.calls}) == 25


async def test_nothing_is_replayed_for_another_endpoint_or_a_disabled_one(house: House, receiver: Receiver) -> None:
    made, other = await house.subscribe(receiver.url), await house.subscribe(receiver.url, ["order.refunded"])
    await house.queued()
    delivery = await house.only(made)
    with pytest.raises(NotFoundError):
        await house.log.replay(other.endpoint.endpoint_id, delivery.delivery_id)
    with pytest.raises(NotFoundError):
        await house.log.get(other.endpoint.endpoint_id, delivery.delivery_id)
    await house.shop.execute("UPDATE webhook_endpoints SET enabled = false, disabled_reason = 'gone'")
    for replay in (
        house.log.replay(made.endpoint.endpoint_id, delivery.delivery_id),
        house.log.replay_range(made.endpoint.endpoint_id, since_at_ms=0, until_at_ms=EVER),
        house.log.try_out(made.endpoint.endpoint_id, seed="1"),
    ):
        with pytest.raises(ConflictError, match="disabled"):
            await replay


async def test_an_address_is_tried_out_with_an_event_that_says_so(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url, ["order.refunded"])
    for _ in range(2):  # a repeat of the request sends nothing more
        await house.log.try_out(made.endpoint.endpoint_id, seed="one")
    await house.send()
    (call,) = receiver.calls
    event = Webhook(made.secret).verify(call.body, call.headers)
    assert (event["type"], event["test"]) == ("order.refunded", True)


async def test_samples_are_recent_events_or_a_made_up_one(house: House, receiver: Receiver) -> None:
    await house.subscribe(receiver.url)
    await house.log.try_out((await house.endpoints.list())[0].endpoint_id, seed="one", kind="order.confirmed")
    (made_up,) = await house.log.samples("order.confirmed")
    assert msgspec.json.decode(made_up)["id"] == "evt_sample"
    await house.queued(5)
    bodies = [msgspec.json.decode(one) for one in await house.log.samples("order.confirmed")]
    assert len({one["id"] for one in bodies}) == 3
    assert not any("test" in one for one in bodies)


async def test_what_is_old_is_forgotten_in_pieces_and_what_is_not_stays(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    await house.queued(25)
    await house.send()
    await house.shop.execute("UPDATE webhook_events SET created_at_ms = created_at_ms - $1::bigint", KEPT_MS + 1_000)
    await house.queued(2)
    tidy = HookHousekeeping(house.postgres, rows=10)
    assert sum(await asyncio.gather(tidy.round(), tidy.round())) == 25
    assert len(await house.deliveries(made)) == 2
    assert await house.shop.value("SELECT count(*) FROM webhook_attempts") == 0


async def test_a_removed_endpoint_is_deleted_with_all_that_was_kept_of_it(house: House, receiver: Receiver) -> None:
    made, other = await house.subscribe(receiver.url), await house.subscribe(receiver.url)
    await house.queued(25)
    await house.endpoints.remove(made.endpoint.endpoint_id)
    with pytest.raises(NotFoundError):
        await house.deliveries(made)
    await HookHousekeeping(house.postgres, rows=10).round()
    assert await house.shop.value("SELECT count(*) FROM webhook_endpoints") == 1
    assert await house.shop.value("SELECT count(*) FROM webhook_secrets") == 1
    assert len(await house.deliveries(other)) == 25


async def test_endpoints_have_a_bound_that_a_repeat_does_not_meet(house: House) -> None:
    url = "http://127.0.0.1:1/hooks"
    first = await house.endpoints.create("whe_0", url=url, events=["*"])
    await house.shop.execute(
        "INSERT INTO webhook_endpoints (endpoint_id, url, events)"
        " SELECT 'whe_' || n, 'https://x', '{*}' FROM generate_series(1, $1::integer - 1) AS n",
        ENDPOINTS_MOST,
    )
    with pytest.raises(ConflictError):
        await house.subscribe(url)
    assert await house.endpoints.create("whe_0", url=url, events=["*"]) == first


async def test_a_secret_cannot_be_rotated_without_end(house: House) -> None:
    made = await house.subscribe("http://127.0.0.1:1/hooks")
    for number in range(4):
        await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id=f"whk_{number}")
    with pytest.raises(ConflictError):
        await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id="whk_5")
    await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id="whk_6", overlap_s=0)
