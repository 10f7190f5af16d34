"""Sending webhooks to real receivers: signatures, answers of every kind, and what follows from them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from checkout.stage import RowLoop
from checkout.webhooks.deliveries_pg import HookDeliveries
from checkout.webhooks.endpoint import Due, Outcome, Step, Tried
from checkout.webhooks.limits import ENDPOINT_IN_FLIGHT, FAILING_IN_FLIGHT, FAILING_MOST_MS, RESPONSE_TIMEOUT_S
from kit.clock import now_ms
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.hook_house import House, Receiver, receiving
from tests.serving import serving_hooks


@pytest.fixture
def house(shop: Shop) -> House:
    return House(shop)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_a_call_verifies_by_the_standards_own_verifier(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    await house.queued()
    assert await house.send() == 1
    (call,) = receiver.calls
    event = Webhook(made.secret).verify(call.body, call.headers)
    delivery = await house.only(made)
    assert (event["type"], event["id"]) == ("order.confirmed", delivery.event_id)
    assert (delivery.state, delivery.message_id, delivery.next_at_ms) == ("delivered", call.message_id, None)
    assert call.headers["content-type"] == "application/json"


async def test_a_retry_has_the_same_id_and_body_and_a_time_of_its_own(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    receiver.answers = [Response("the database is down", status_code=500)]
    await house.queued()
    assert await house.send() == 1
    waiting = await house.only(made)
    assert (waiting.state, waiting.last_status, waiting.last_error) == ("pending", 500, "status")
    assert 4_000 < (waiting.next_at_ms or 0) - now_ms() <= 6_000
    await asyncio.sleep(1.1)  # so that the second differs
    await house.hurry()
    assert await house.send() == 1
    first, second = receiver.calls
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    Webhook(made.secret).verify(second.body, second.headers)
    detail = await house.log.get(made.endpoint.endpoint_id, waiting.delivery_id)
    assert [(one.number, one.status, one.error, one.response) for one in detail.attempts] == [
        (2, 204, None, ""),
        (1, 500, "status", "the database is down"),
    ]
    assert (await house.endpoints.get(made.endpoint.endpoint_id)).failing_since_ms is None


async def test_during_a_rotation_the_old_and_the_new_secret_verify_and_then_only_the_new(
    house: House, receiver: Receiver
) -> None:
    made = await house.subscribe(receiver.url)
    rotated = await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id="whk_1")
    again = await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id="whk_1")
    assert made.secret != rotated.secret == again.secret
    await house.queued()
    await house.send()
    for secret in (made.secret, rotated.secret):
        Webhook(secret).verify(receiver.calls[0].body, receiver.calls[0].headers)
    last = await house.endpoints.rotate(made.endpoint.endpoint_id, secret_id="whk_2", overlap_s=0)
    await house.queued()
    await house.send()
    call = receiver.calls[1]
    Webhook(last.secret).verify(call.body, call.headers)
    for secret in (made.secret, rotated.secret):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(call.body, call.headers)


async def test_gone_disables_the_endpoint_and_enabling_sends_what_waited(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    endpoint_id = made.endpoint.endpoint_id
    receiver.answers = [Response(status_code=410)]
    await house.queued()
    await house.send()
    disabled = await house.endpoints.get(endpoint_id)
    assert (disabled.enabled, disabled.disabled_reason) == (False, "gone")
    assert ((await house.only(made)).state, (await house.only(made)).last_error) == ("failed", "gone")
    await house.shop.execute("UPDATE webhook_deliveries SET state = 'pending', due_at_ms = 0")
    await house.queued()
    assert (await house.send(), len(receiver.calls)) == (0, 1)
    assert (await house.endpoints.enable(endpoint_id)).enabled
    assert (await house.send(), len(receiver.calls)) == (1, 2)


async def test_a_redirect_is_a_failure_and_is_not_followed(house: House, receiver: Receiver) -> None:
    async def elsewhere(_request: Request) -> Response:
        return RedirectResponse(receiver.url, status_code=307)

    async with serving_hooks(elsewhere) as url:
        made = await house.subscribe(url)
        await house.queued()
        await house.send()
    assert receiver.calls == []
    delivery = await house.only(made)
    assert (delivery.state, delivery.last_status, delivery.last_error) == ("pending", 307, "redirect")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_endpoint_says_when_to_come_back(house: House, receiver: Receiver, status: int) -> None:
    made = await house.subscribe(receiver.url)
    receiver.answers = [Response(status_code=status, headers={"retry-after": "100"})]
    await house.queued()
    await house.send()
    assert 99_000 < ((await house.only(made)).next_at_ms or 0) - now_ms() <= 100_000


async def test_an_answer_with_a_senseless_date_is_an_answer(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    receiver.answers = [Response(headers={"retry-after": "Wed, 01 May 99999999999999999999 12:00:30 GMT"})]
    await house.queued()
    assert await house.send() == 1
    assert (await house.only(made)).state == "delivered"


async def test_a_receiver_that_is_slow_is_cut_at_the_timeout(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    receiver.gate.clear()
    await house.queued()
    began = time.monotonic()
    await house.send(timeout_s=0.3)
    assert time.monotonic() - began < 3
    delivery = await house.only(made)
    assert (delivery.state, delivery.last_status, delivery.last_error) == ("pending", None, "timeout")


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
async def test_an_answer_that_never_ends_is_read_no_further_than_the_log_needs(house: House, pause_s: float) -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"\0words" * (1 if pause_s else 10_000)
                await asyncio.sleep(pause_s)
        finally:
            ended.set()

    async def answer(request: Request) -> Response:
        await request.body()
        return StreamingResponse(endless())

    async with serving_hooks(answer) as url:
        made = await house.subscribe(url)
        await house.queued()
        began = time.monotonic()
        await house.send()
        assert time.monotonic() - began < 6
        async with asyncio.timeout(10):
            await ended.wait()
    delivery = await house.only(made)
    (attempt,) = (await house.log.get(made.endpoint.endpoint_id, delivery.delivery_id)).attempts
    assert (delivery.state, attempt.status) == ("delivered", 200)
    assert "words" in attempt.response
    assert len(attempt.response) <= 1_000
    # Of a fast one the beginning is enough; a slow one is given a moment for it.
    assert (attempt.duration_ms < RESPONSE_TIMEOUT_S * 1000) == (pause_s == 0.0)


async def test_nobody_there_is_a_failure_with_a_word_for_it(house: House) -> None:
    made = await house.subscribe("http://127.0.0.1:1/hooks")
    await house.queued()
    await house.send()
    assert (await house.only(made)).last_error == "no_answer"


async def test_tries_end_and_the_endpoint_is_given_up_after_days(house: House, receiver: Receiver) -> None:
    made = await house.subscribe(receiver.url)
    endpoint_id = made.endpoint.endpoint_id
    await house.queued()
    await house.shop.execute("UPDATE webhook_deliveries SET attempts = 11")
    receiver.answers = [Response(status_code=500), Response(status_code=500)]
    await house.send()
    assert (await house.only(made)).state == "failed"
    failing = await house.endpoints.get(endpoint_id)
    assert failing.enabled
    assert failing.failing_since_ms is not None
    await house.shop.execute(
        "UPDATE webhook_endpoints SET failing_since_ms = failing_since_ms - $1::bigint", FAILING_MOST_MS
    )
    await house.queued()
    await house.send()
    given_up = await house.endpoints.get(endpoint_id)
    assert (given_up.enabled, given_up.disabled_reason) == (False, "failing")


async def test_a_dead_endpoint_delays_no_other(house: House, receiver: Receiver) -> None:
    async with receiving() as dead:
        dead.gate.clear()
        gone = await house.subscribe(dead.url)
        await house.subscribe(receiver.url)
        await house.queued(60)
        async with house.sender() as sender:
            loop = RowLoop("webhooks", sender.take, sender.handle, in_flight=16, poll_ms=20)
            async with asyncio.timeout(20):
                while len(receiver.calls) < 60:
                    await loop.step()
            assert len(dead.calls) == ENDPOINT_IN_FLIGHT
            await loop.close()
    assert {one.state for one in await house.deliveries(gone)} == {"pending"}


async def test_an_endpoint_that_fails_gets_few_slots_and_all_of_them_when_it_works_again(
    house: House, receiver: Receiver
) -> None:
    await house.subscribe(receiver.url)
    await house.queued(20)
    deliveries = HookDeliveries(house.postgres)
    await house.shop.execute("UPDATE webhook_endpoints SET failing_since_ms = now_ms()")
    assert len(await deliveries.take(64, {})) == FAILING_IN_FLIGHT
    async with house.sender() as sender:
        await RowLoop("webhooks", sender.take, sender.handle, in_flight=64).round()
    assert len(await deliveries.take(64, {})) == ENDPOINT_IN_FLIGHT


async def test_a_freed_slot_is_used_at_once(house: House, receiver: Receiver) -> None:
    await house.subscribe(receiver.url)
    await house.queued(40)
    woken: list[int] = []
    async with house.sender(on_room=lambda: woken.append(1)) as sender:
        taken = await sender.take(64)
        assert (len(taken), await sender.take(64)) == (ENDPOINT_IN_FLIGHT, [])
        await sender.handle(taken[0])
        assert woken == [1]
        assert len(await sender.take(64)) == 1
        for one in taken[1:]:
            await sender.handle(one)


class SlowDeliveries(HookDeliveries):
    """Takes are answered when the gate is open."""

    gate: asyncio.Event

    async def take(self, limit: int, calls: Mapping[str, int]) -> list[Due]:
        taken = await super().take(limit, calls)
        await self.gate.wait()
        return taken


async def test_a_slot_that_is_freed_while_others_are_taken_is_not_forgotten(house: House, receiver: Receiver) -> None:
    await house.subscribe(receiver.url)
    await house.queued(40)
    woken: list[int] = []
    deliveries = SlowDeliveries(house.postgres)
    deliveries.gate = asyncio.Event()
    deliveries.gate.set()
    async with house.sender(deliveries, on_room=lambda: woken.append(1)) as sender:
        first, second, *_ = await sender.take(64)
        deliveries.gate.clear()
        taking = asyncio.create_task(sender.take(64))
        await asyncio.sleep(0)
        await sender.handle(first)
        await sender.handle(second)
        assert woken == [1, 1]
        deliveries.gate.set()
        assert await taking == []


async def test_what_a_dead_sender_took_comes_round_with_the_same_id_and_its_late_word_decides_nothing(
    house: House, receiver: Receiver
) -> None:
    made = await house.subscribe(receiver.url)
    await house.queued()
    dead = HookDeliveries(house.postgres, lease_ms=300)
    (taken,) = await dead.take(10, {})
    assert await house.send() == 0
    await asyncio.sleep(0.4)
    receiver.answers = [Response(status_code=500)]
    assert await house.send() == 1
    assert receiver.calls[0].message_id == taken.message_id
    late = Outcome(started_at_ms=0, duration_ms=1, error="timeout")
    await dead.record([Tried(due=taken, outcome=late, step=Step(state="failed"))])
    delivery = await house.only(made)
    assert (delivery.state, delivery.tries, delivery.last_status) == ("pending", 2, 500)
    await house.hurry()
    assert await house.send() == 1
    assert (await house.only(made)).state == "delivered"
