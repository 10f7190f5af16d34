"""The KakaoTalk Store channel against a store that checks everything, on a real HTTP server."""

import copy
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import (
    Answer,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Refused,
    Told,
)
from inventory.channels.kakao.answers import QUOTA_WAIT_MS
from inventory.channels.kakao.channel_http import BATCH, KakaoChannel, KakaoKind
from tests.fakes.channels.kakao import PRODUCT, UPDATE, FakeKakao
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.serving import serving

PLAIN = {
    "productId": 11,
    "productSaleStatus": "ON",
    "name": "머그컵",
    "salePrice": 12000,
    "stock": {"stockQuantity": 4, "unlimitedStockQuantity": False},
    "option": {
        "type": "SIMPLE_CUSTOM",
        "simples": [{"id": 5, "name": "색상", "value": "빨강"}],
        "simpleSortType": "ABC",
    },
}
SHIRT = {
    "productId": 22,
    "productSaleStatus": "ON",
    "name": "셔츠 & 바지 + 100%",
    "stock": {"stockQuantity": None, "unlimitedStockQuantity": False},
    "option": {
        "type": "COMBINATION_CUSTOM",
        "combinationSortType": None,
        "combinations": [
            {
                "id": number,
                "stockQuantity": 10 + number,
                "price": number * 0.1,
                "usable": True,
                "managementCode": "A&B=C+D %E",
                "next year's field": {"deep": [number, None, "값"]},
            }
            for number in range(1, 6)
        ],
        "customs": [{"id": 9, "name": "각인", "usable": True}],
        "next year's field": [1, {"x": 10**30}],
    },
}
"""Fields that the adapter knows nothing of come back to the store as they were."""


class Store:
    """A store on a server, and the channel that was opened to it."""

    def __init__(self) -> None:
        self.fake = FakeKakao()
        self.fake.products = {11: copy.deepcopy(PLAIN), 22: copy.deepcopy(SHIRT)}
        self.troubles = Troubles(self.fake.app)
        self.app = Starlette(routes=[Mount("/", self.troubles)])
        self.config = ChannelConfig(
            channel_id="chan_1",
            kind="kakao",
            name="Kakao",
            settings={"channel_ids": "101"},
            secrets={"admin_key": self.fake.admin_key, "seller_key": self.fake.seller_key},
        )
        self.channel: KakaoChannel

    def calls(self) -> tuple[int, int]:
        """Reads and writes so far."""
        return self.troubles.calls.get(f"GET {PRODUCT}", 0), self.troubles.calls.get(f"POST {UPDATE}", 0)

    def option(self, product_id: int) -> dict[str, Any]:
        return cast(dict[str, Any], self.fake.products[product_id]["option"])

    async def tell(self, **quantities: int) -> list[Answer]:
        """Tell levels by item id, written with ``_`` for ``p`` and ``/``."""
        return await self.channel.tell([level(name[1:].replace("_", "/"), n) for name, n in quantities.items()])


def level(item_id: str, quantity: int) -> Level:
    return Level(sku=f"sku-{item_id}", item_id=item_id, quantity=quantity, version=1)


async def never(secrets: Mapping[str, str]) -> None:
    raise AssertionError(sorted(secrets))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    one = Store()
    async with serving(one.app) as url:
        one.channel = KakaoKind(base_url=url).open(one.config, never)
        yield one
        await one.channel.close()


async def test_levels_of_one_product_arrive_in_one_write_and_nothing_else_changes(store: Store) -> None:
    before = copy.deepcopy(store.option(22))
    assert await store.tell(p22_1=0, p22_3=9_999, p22_5=15) == [Told()] * 3
    assert store.calls() == (1, 1)
    shown = [one["stockQuantity"] for one in store.option(22)["combinations"]]
    assert shown == [0, 12, 9_999, 14, 15]
    for one, old in zip(store.option(22)["combinations"], before["combinations"], strict=True):
        one["stockQuantity"] = old["stockQuantity"]
    assert json.dumps(store.option(22)) == json.dumps(before)


async def test_a_product_without_combinations_has_its_own_quantity(store: Store) -> None:
    before = copy.deepcopy(store.option(11))
    assert await store.tell(p11=0) == [Told()]
    assert store.fake.quantity(11) == 0
    assert store.option(11) == before
    assert await store.channel.read(["11"]) == [0]


async def test_levels_that_are_shown_already_cost_no_write(store: Store) -> None:
    assert await store.tell(p22_1=11, p22_2=12) == [Told()] * 2
    assert store.calls() == (1, 0)


async def test_a_whole_batch_goes_in_one_call(store: Store) -> None:
    one = store.option(22)["combinations"][0]
    store.option(22)["combinations"] = [{**one, "id": number} for number in range(1, BATCH + 1)]
    levels = [level(f"22/{number}", number) for number in range(1, BATCH + 1)]
    assert await store.channel.tell(levels) == [Told()] * BATCH
    assert [store.fake.quantity(22, number) for number in range(1, BATCH + 1)] == list(range(1, BATCH + 1))
    assert store.channel.capabilities.batch_size == BATCH


async def test_unknown_items_are_refused_for_good_and_the_others_are_told(store: Store) -> None:
    answers = await store.tell(p22_1=1, p22_77=2, p22=3, p22_2=4)
    assert [type(answer) for answer in answers] == [Told, Refused, Refused, Told]
    assert not any(answer.temporary for answer in answers if isinstance(answer, Refused))
    assert (store.fake.quantity(22, 1), store.fake.quantity(22, 2)) == (1, 4)
    (unknown,) = await store.tell(p33=1)
    assert isinstance(unknown, Refused)
    assert not unknown.temporary
    assert "33" in unknown.reason


async def test_a_quantity_that_the_store_refuses_is_refused_for_good_and_changes_nothing(store: Store) -> None:
    before = copy.deepcopy(store.fake.products)
    store.fake.spoilt = {2}
    answers = await store.tell(p22_1=1, p22_2=2, p22_77=3)
    assert all(isinstance(answer, Refused) and not answer.temporary for answer in answers)
    assert "option.combinations.stockQuantity: is not allowed" in str(answers[0])
    (too_high,) = await store.tell(p11=10_000)
    assert isinstance(too_high, Refused)
    assert store.channel.capabilities.most_quantity == 9_999
    assert store.fake.products == before


async def test_what_is_shown_is_read_back(store: Store) -> None:
    assert await store.channel.read(["22/5", "22/77", "22/1", "22"]) == [15, None, 11, None]
    assert await store.channel.read(["33"]) == [None]
    store.fake.products[11]["stock"]["unlimitedStockQuantity"] = True
    assert await store.channel.read(["11"]) == [9_999]
    assert store.calls() == (3, 0)


async def test_a_write_whose_answer_was_lost_is_told_again_and_the_level_is_right(store: Store) -> None:
    def lose_the_write() -> None:
        store.troubles.lose = 1

    store.fake.on_read = lose_the_write
    with pytest.raises(ChannelDownError):
        await store.tell(p22_1=3, p22_2=0)
    assert (store.fake.quantity(22, 1), store.fake.quantity(22, 2)) == (3, 0), "it was applied"
    store.fake.on_read, store.troubles.lose = None, 0
    assert await store.tell(p22_1=3, p22_2=0) == [Told()] * 2
    assert (store.fake.quantity(22, 1), store.fake.quantity(22, 2)) == (3, 0)
    assert len(store.fake.writes) == 1


async def test_a_lost_read_writes_nothing(store: Store) -> None:
    store.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await store.tell(p22_1=3)
    assert store.fake.quantity(22, 1) == 11
    assert store.calls() == (1, 0)


async def test_a_sale_between_read_and_write_ends_in_the_level_that_was_told(store: Store) -> None:
    def sell() -> None:
        store.option(22)["combinations"][0]["stockQuantity"] -= 1

    store.fake.on_read = sell
    assert await store.tell(p22_1=6) == [Told()]
    assert store.fake.quantity(22, 1) == 6


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(store: Store, hint: int | None, wait_ms: int | None) -> None:
    store.troubles.throttle.append(Throttled(retry_after_s=hint))
    with pytest.raises(ChannelDownError) as caught:
        await store.tell(p11=1)
    assert caught.value.retry_after_ms == wait_ms
    assert await store.tell(p11=1) == [Told()]


async def test_a_store_that_is_down_or_fails_is_tried_again(store: Store) -> None:
    store.troubles.down = True
    with pytest.raises(ChannelDownError):
        await store.channel.read(["11"])
    store.troubles.down, store.troubles.fail = False, 1
    with pytest.raises(ChannelDownError):
        await store.tell(p11=1)
    store.fake.plan(400, {"code": -800, "msg": "x", "extras": {"error_code": -10000, "error_message": "later"}})
    with pytest.raises(ChannelDownError):
        await store.tell(p11=1)
    assert await store.tell(p11=1) == [Told()]


async def test_a_used_up_quota_keeps_us_away_for_long(store: Store) -> None:
    store.fake.plan(400, {"code": -10, "msg": "API limit has been exceeded."})
    with pytest.raises(ChannelDownError) as caught:
        await store.tell(p11=1)
    assert caught.value.retry_after_ms == QUOTA_WAIT_MS


async def test_keys_that_have_ended_pause_the_channel_and_are_not_repeated(store: Store) -> None:
    store.fake.revoked = True
    for call in (store.tell(p11=1), store.channel.read(["11"])):
        with pytest.raises(ChannelGoneError) as caught:
            await call
        seen = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
        assert "key0" not in seen
        assert "check both keys" in caught.value.message
    assert "key0" not in repr(store.config)
    assert "key0" not in repr(store.channel)


async def test_another_stores_channel_ids_pause_the_channel(store: Store) -> None:
    store.fake.channel_ids = "102"
    with pytest.raises(ChannelGoneError, match="channel_ids"):
        await store.tell(p11=1)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"productId": 22, "option": {"type": "NONE"}}'])
async def test_an_answer_that_is_not_understood_is_never_written_back(store: Store, answer: bytes) -> None:
    store.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await store.tell(p11=1)
    assert store.calls() == (1, 0)


async def test_an_answer_of_the_write_that_is_no_error_of_kakaos_is_tried_again(store: Store) -> None:
    product = msgspec.json.encode(PLAIN)
    store.fake.plan(200, product)
    store.fake.plan(400, b"<html>")
    with pytest.raises(ChannelDownError):
        await store.tell(p11=1)
    assert await store.tell(p11=1) == [Told()]
    assert store.fake.quantity(11) == 1
