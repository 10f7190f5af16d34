"""Orders of KakaoTalk Store against a store that checks everything, on a real HTTP server."""

from collections.abc import AsyncIterator

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused, Told
from inventory.channels.kakao.calls_http import PRODUCT
from inventory.channels.selling import Cancels, ChannelOrder, OrderPage, Sells, SoldLine
from tests.fakes.channels.kakao_orders import ORDERS, ORDERS_BEHIND
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.kakao_store import KakaoStore, kakao_store


@pytest.fixture
async def store() -> AsyncIterator[KakaoStore]:
    async with kakao_store() as one:
        yield one


async def read(store: KakaoStore, order_id: str) -> ChannelOrder:
    (order,) = await store.channel.orders([order_id])
    assert order is not None
    return order


async def pages(store: KakaoStore, since_ms: int) -> list[OrderPage]:
    found = [await store.channel.orders_changed(since_ms, after=None)]
    while (after := found[-1].next) is not None:
        found.append(await store.channel.orders_changed(since_ms, after=after))
    return found


async def test_the_channel_sells_and_cancels_and_is_asked_often(store: KakaoStore) -> None:
    assert isinstance(store.channel, Sells)
    assert isinstance(store.channel, Cancels)
    assert store.channel.capabilities.orders == "poll"
    assert store.channel.selling.every_s == 30


async def test_without_paths_there_are_no_orders_and_nobody_is_called() -> None:
    async with kakao_store({}) as store:
        assert store.channel.capabilities.orders == "none"
        assert await store.channel.orders_changed(0, after=None) == OrderPage(orders=())
        assert await store.channel.orders(["17"]) == [None]
        answer = await store.channel.cancel("17")
        assert isinstance(answer, Refused)
        assert "cancel_path" in answer.reason
        assert store.troubles.calls == {}


async def test_an_order_holds_its_units_until_it_is_cancelled(store: KakaoStore) -> None:
    shirt, mug = store.fake.place_order(22, 2, 3), store.fake.place_order(11, None, 1)
    assert (await read(store, shirt)).lines == (SoldLine(item_id="22/2", quantity=3),)
    assert (await read(store, mug)).lines == (SoldLine(item_id="11", quantity=1),)
    placed_at_ms = store.fake.orders.by_id[int(shirt)].placed_at_ms
    assert (await read(store, shirt)).placed_at_ms == placed_at_ms // 1_000 * 1_000
    for status in ("ShippingWaiting", "ShippingCancelRequestBuyer", "ShippingComplete", "ReturnCancelComplete"):
        store.fake.orders.by_id[int(shirt)].status = status
        assert (await read(store, shirt)).lines != ()
    store.fake.cancel_order(shirt)
    assert (await read(store, shirt)).lines == ()
    assert (await read(store, shirt)).status == "PayCancelComplete"


async def test_part_of_an_order_that_is_cancelled_holds_fewer(store: KakaoStore) -> None:
    order_id = store.fake.place_order(22, 1, 3)
    store.fake.orders.by_id[int(order_id)].quantity = 1
    assert (await read(store, order_id)).lines == (SoldLine(item_id="22/1", quantity=1),)


async def test_an_items_name_is_looked_up_once(store: KakaoStore) -> None:
    first, second = store.fake.place_order(22, 1, 1), store.fake.place_order(22, 2, 1)
    for order_id in (first, second, first):
        await read(store, order_id)
    assert store.troubles.calls[f"GET {PRODUCT}"] == 1


async def test_an_item_without_a_code_or_with_one_of_several_is_not_guessed(store: KakaoStore) -> None:
    store.fake.products[33] = store.fake.products[11] | {"productId": 33, "name": "another"}
    twice = store.fake.place_order(33, None, 1)
    assert (await read(store, twice)).lines == (SoldLine(item_id="seller:MUG/", quantity=1),)
    del store.fake.products[22]["storeManagementCode"]
    bare = store.fake.place_order(22, 1, 1)
    assert (await read(store, bare)).lines == (SoldLine(item_id="seller:/S-RED", quantity=1),)


async def test_unknown_orders_are_none(store: KakaoStore) -> None:
    assert await store.channel.orders(["4711"]) == [None]


async def test_changed_orders_are_paged_since_a_moment(store: KakaoStore) -> None:
    order_ids = [store.fake.place_order(11, None, 0) for _ in range(120)]
    found = await pages(store, 0)
    assert [len(page.orders) for page in found] == [50, 50, 20]
    assert [one.order_id for page in found for one in page.orders] == order_ids
    since_ms = store.fake.orders.by_id[int(order_ids[100])].modified_at_ms
    assert [one.order_id for page in await pages(store, since_ms) for one in page.orders] == order_ids[100:]


async def test_the_second_form_of_list_is_followed_to_its_end() -> None:
    paths = {"orders_path": ORDERS_BEHIND + "?start={from}&end={to}", "order_path": ORDERS + "/{order_id}"}
    async with kakao_store(paths) as store:
        order_ids = [store.fake.place_order(11, None, 0) for _ in range(120)]
        found = await pages(store, 0)
        assert [one.order_id for page in found for one in page.orders] == order_ids
        assert len(found) == 4


async def test_a_stamp_changes_with_the_order(store: KakaoStore) -> None:
    order_id = store.fake.place_order(11, None, 1)
    before = (await pages(store, 0))[0].orders
    store.fake.orders.become(order_id, "ShippingWaiting")
    assert (await pages(store, 0))[0].orders != before


async def test_cancelling_gives_the_units_back_and_once_more_does_no_harm(store: KakaoStore) -> None:
    order_id = store.fake.place_order(22, 1, 3)
    for _ in range(2):
        assert await store.channel.cancel(order_id) == Told()
        assert store.fake.quantity(22, 1) == 5


async def test_a_cancellation_whose_answer_was_lost_is_told_by_the_next(store: KakaoStore) -> None:
    order_id = store.fake.place_order(22, 1, 3)
    store.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await store.channel.cancel(order_id)
    assert await store.channel.cancel(order_id) == Told()
    assert store.fake.quantity(22, 1) == 5


async def test_a_cancellation_that_fails_with_status_200_is_refused(store: KakaoStore) -> None:
    order_id = store.fake.place_order(22, 1, 3)
    store.fake.orders.silent = 1
    assert isinstance(await store.channel.cancel(order_id), Refused)
    assert store.fake.quantity(22, 1) == 2


async def test_an_order_that_cannot_be_cancelled_any_more_is_refused_with_kakaos_words(store: KakaoStore) -> None:
    order_id = store.fake.place_order(22, 1, 3)
    store.fake.orders.become(order_id, "ShippingComplete")
    for one, says in ((order_id, "ShippingComplete"), ("4711", "no such order")):
        answer = await store.channel.cancel(one)
        assert isinstance(answer, Refused)
        assert says in answer.reason


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(store: KakaoStore, hint: int | None, wait_ms: int | None) -> None:
    order_id = store.fake.place_order(22, 1, 1)
    channel = store.channel
    for call in (channel.orders([order_id]), channel.orders_changed(0, after=None), channel.cancel(order_id)):
        store.troubles.throttle.append(Throttled(retry_after_s=hint))
        with pytest.raises(ChannelDownError) as caught:
            await call
        assert caught.value.retry_after_ms == wait_ms
    assert store.fake.orders.by_id[int(order_id)].status == "PayComplete"


async def test_keys_that_end_in_the_middle_pause_the_channel_and_are_not_repeated(store: KakaoStore) -> None:
    order_ids = [store.fake.place_order(11, None, 0) for _ in range(60)]
    page = await store.channel.orders_changed(0, after=None)
    store.fake.revoked = True
    channel = store.channel
    for call in (
        channel.orders_changed(0, after=page.next),
        channel.orders(order_ids[:1]),
        channel.cancel(order_ids[0]),
    ):
        with pytest.raises(ChannelGoneError) as caught:
            await call
        seen = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
        assert store.fake.admin_key not in seen
        assert store.fake.seller_key not in seen


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"id": 17}', b'{"content": [{"modifiedAt": 1}]}'])
async def test_rubbish_is_tried_again(store: KakaoStore, answer: bytes) -> None:
    store.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await store.channel.orders(["17"])
    store.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await store.channel.orders_changed(0, after=None)
