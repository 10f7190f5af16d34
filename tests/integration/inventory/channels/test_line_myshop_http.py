"""The LINE MyShop channel against a shop that checks everything, on a real HTTP server."""

import random
from collections.abc import AsyncIterator, Mapping

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import Answer, ChannelConfig, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.line_myshop.channel_http import LineMyshopChannel, LineMyshopKind
from tests.fakes.channels.line_myshop import INVENTORY, PRODUCTS, FakeLineMyshop, Stock
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.serving import serving


class Shop:
    """A shop on a server, and the channel that was opened to it."""

    def __init__(self) -> None:
        self.fake = FakeLineMyshop()
        self.fake.products = {1: [10], 2: [20, 21]}
        self.fake.stock = {
            10: Stock(on_hand=7, reserved=2, ready_to_ship=1),
            20: Stock(on_hand=0),
            21: Stock(on_hand=9),
        }
        self.troubles = Troubles(self.fake.app)
        self.app = Starlette(routes=[Mount("/", self.troubles)])
        self.config = ChannelConfig(
            channel_id="chan_1",
            kind="line_myshop",
            name="LINE",
            settings={},
            secrets={"api_key": self.fake.api_key},
        )
        self.channel: LineMyshopChannel

    def available(self, inventory_id: int) -> int:
        return self.fake.stock[inventory_id].available

    async def tell(self, item_id: str, quantity: int) -> Answer:
        answers = await self.channel.tell([Level(sku="A", item_id=item_id, quantity=quantity, version=1)])
        (answer,) = answers
        return answer


async def never(secrets: Mapping[str, str]) -> None:
    raise AssertionError(sorted(secrets))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    one = Shop()
    async with serving(one.app) as url:
        one.channel = LineMyshopKind(base_url=url).open(one.config, never)
        yield one
        await one.channel.close()


@pytest.mark.parametrize(
    ("item_id", "quantity", "change"),
    [("1/10", 9, 5), ("1/10", 1, -3), ("1/10", 0, -4), ("2/20", 99_999, 99_999), ("2/21", 99_999, 99_990)],
)
async def test_a_level_arrives_as_the_difference_to_what_is_on_sale(
    shop: Shop, item_id: str, quantity: int, change: int
) -> None:
    inventory_id = int(item_id.partition("/")[2])
    assert await shop.tell(item_id, quantity) == Told()
    assert shop.available(inventory_id) == quantity
    assert shop.fake.changes == [(inventory_id, change)]
    verb = "increase" if change > 0 else "decrease"
    assert shop.troubles.calls == {f"GET {PRODUCTS}": 1, f"PUT {INVENTORY}/{inventory_id}/{verb}": 1}


async def test_a_level_that_is_shown_already_changes_nothing(shop: Shop) -> None:
    assert await shop.tell("1/10", 4) == Told()
    assert await shop.tell("2/20", 0) == Told()
    assert shop.troubles.calls == {f"GET {PRODUCTS}": 2}


async def test_what_is_on_sale_is_read_back(shop: Shop) -> None:
    assert await shop.channel.read(["1/10"]) == [4]
    assert await shop.channel.read(["2/20", "2/21", "1/21", "3/10"]) == [0, 9, None, None]
    capabilities = shop.channel.capabilities
    assert (capabilities.batch_size, capabilities.most_quantity, capabilities.reads) == (1, 99_999, True)


async def test_a_change_whose_answer_was_lost_is_never_applied_twice(shop: Shop) -> None:
    def lose_the_change() -> None:
        shop.troubles.lose = 1

    for quantity in (50, 3, 99_999, 0):
        shop.fake.changes.clear()
        shop.fake.on_read = lose_the_change
        with pytest.raises(ChannelDownError):
            await shop.tell("1/10", quantity)
        shop.fake.on_read, shop.troubles.lose = None, 0
        assert shop.available(10) == quantity, "it was applied"
        assert await shop.tell("1/10", quantity) == Told()
        assert shop.available(10) == quantity
        assert len(shop.fake.changes) == 1


async def test_any_mix_of_lost_answers_failures_and_throttling_ends_in_the_last_level(shop: Shop) -> None:
    dice = random.Random(6)
    for _ in range(15):
        quantity = dice.randrange(20)
        for _ in range(20):
            shop.troubles.lose = dice.randrange(2)
            shop.troubles.fail = dice.randrange(2)
            shop.troubles.throttle.extend([Throttled()] * dice.randrange(2))
            try:
                answer = await shop.tell("2/21", quantity)
            except ChannelDownError:
                continue
            assert answer == Told()
            break
        shop.troubles.lose = shop.troubles.fail = 0
        shop.troubles.throttle.clear()
        assert await shop.tell("2/21", quantity) == Told()
        assert shop.available(21) == quantity


async def test_a_sale_between_read_and_change_is_kept(shop: Shop) -> None:
    def sell() -> None:
        shop.fake.stock[21].reserved += 1
        shop.fake.on_read = None

    shop.fake.on_read = sell
    assert await shop.tell("2/21", 20) == Told()
    assert shop.available(21) == 19


async def test_a_sale_that_makes_a_decrease_impossible_is_read_again(shop: Shop) -> None:
    def sell() -> None:
        shop.fake.stock[21].reserved += 1
        shop.fake.on_read = None

    shop.fake.on_read = sell
    assert await shop.tell("2/21", 0) == Told()
    assert shop.available(21) == 0
    assert shop.fake.changes == [(21, -8)]


async def test_a_conflict_is_read_again_once_and_then_left_for_later(shop: Shop) -> None:
    shop.fake.conflicts = 1
    assert await shop.tell("1/10", 9) == Told()
    assert shop.available(10) == 9
    shop.fake.conflicts = 2
    answer = await shop.tell("1/10", 2)
    assert isinstance(answer, Refused)
    assert answer.temporary
    assert shop.fake.conflicts == 0
    assert shop.available(10) == 9
    assert await shop.tell("1/10", 2) == Told()


async def test_a_quantity_that_keeps_moving_is_left_for_later(shop: Shop) -> None:
    def sell() -> None:
        shop.fake.stock[21].reserved += 1

    shop.fake.on_read = sell
    answer = await shop.tell("2/21", 0)
    assert isinstance(answer, Refused)
    assert answer.temporary
    assert "BAD_REQUEST" in answer.reason


@pytest.mark.parametrize("item_id", ["1/11", "3/10", "2/10"])
async def test_an_unknown_item_is_refused_for_good(shop: Shop, item_id: str) -> None:
    answer = await shop.tell(item_id, 1)
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert item_id in answer.reason
    assert shop.fake.changes == []


async def test_a_level_that_the_shop_refuses_is_refused_for_good(shop: Shop) -> None:
    shop.fake.frozen = {10}
    answer = await shop.tell("1/10", 5)
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "does not fit 4" in answer.reason
    too_high = await shop.tell("2/21", 100_000)
    assert isinstance(too_high, Refused)
    assert not too_high.temporary
    assert shop.fake.changes == []


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(shop: Shop, hint: int | None, wait_ms: int | None) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=hint))
    with pytest.raises(ChannelDownError) as caught:
        await shop.tell("1/10", 1)
    assert caught.value.retry_after_ms == wait_ms


async def test_a_shop_that_is_down_or_fails_is_tried_again(shop: Shop) -> None:
    shop.troubles.down = True
    with pytest.raises(ChannelDownError):
        await shop.channel.read(["1/10"])
    shop.troubles.down, shop.troubles.fail = False, 1
    with pytest.raises(ChannelDownError):
        await shop.tell("1/10", 1)
    shop.fake.plan(500, {"code": "INTERNAL_ERROR", "message": "x", "timestamp": 1})
    with pytest.raises(ChannelDownError):
        await shop.tell("1/10", 1)
    assert await shop.tell("1/10", 1) == Told()


async def test_a_key_that_has_ended_pauses_the_channel_and_is_not_repeated(shop: Shop) -> None:
    shop.fake.revoked = True
    for call in (shop.tell("1/10", 1), shop.channel.read(["1/10"])):
        with pytest.raises(ChannelGoneError) as caught:
            await call
        seen = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
        assert shop.fake.api_key not in seen
        assert "API key" in caught.value.message
    assert shop.fake.api_key not in repr(shop.config) + repr(shop.channel)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"data": [{"id": "1"}]}'])
async def test_a_malformed_answer_is_tried_again_and_changes_nothing(shop: Shop, answer: bytes) -> None:
    shop.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await shop.tell("1/10", 1)
    assert shop.fake.changes == []


async def test_a_malformed_answer_to_a_change_is_no_success(shop: Shop) -> None:
    def garble_the_change() -> None:
        shop.fake.plan(200, b"<html>")
        shop.fake.on_read = None

    shop.fake.on_read = garble_the_change
    with pytest.raises(ChannelDownError):
        await shop.tell("1/10", 1)
    assert await shop.tell("1/10", 1) == Told()
    assert shop.available(10) == 1
