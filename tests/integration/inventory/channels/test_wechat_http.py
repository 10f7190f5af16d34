from collections.abc import AsyncIterator, Mapping

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import (
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Refused,
    Told,
)
from inventory.channels.wechat.calls_http import TOKEN_MARGIN_MS
from inventory.channels.wechat.channel_http import WechatChannel, WechatKind
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.fakes.channels.wechat import APP_SECRET, APPID, TOKEN_S, FakeWechat, Shelf
from tests.serving import serving

ITEM = "10000000000001/1000000001"
START_MS = 1_795_348_800_000
"""2026-11-22 12:00 UTC."""
GET = "POST /channels/ec/product/stock/get"
UPDATE = "POST /channels/ec/product/stock/update"
TOKEN = "POST /cgi-bin/stable_token"


class World:
    """A shop with troubles around it, and one channel to it.

    Attributes:
        now_ms: the clock of both.
    """

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.shop = FakeWechat(clock_ms=lambda: self.now_ms)
        self.troubles = Troubles(self.shop.app)
        self.url = ""

    def lose_next(self) -> None:
        self.troubles.lose = 1

    def open(self, *, app_secret: str = APP_SECRET) -> WechatChannel:
        async def save(_: Mapping[str, str]) -> None:
            raise AssertionError("nothing has to be saved")

        config = ChannelConfig(
            channel_id="chan_1",
            kind="wechat",
            name="our shop",
            settings={"appid": APPID},
            secrets={"app_secret": app_secret},
        )
        return WechatKind(base_url=self.url, clock_ms=lambda: self.now_ms).open(config, save)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with serving(Starlette(routes=[Mount("/", app=world.troubles)])) as world.url:
        yield world


@pytest.fixture
async def channel(world: World) -> AsyncIterator[WechatChannel]:
    channel = world.open()
    yield channel
    await channel.close()


def level(quantity: int, *, item_id: str = ITEM) -> Level:
    return Level(sku="MUG", item_id=item_id, quantity=quantity, version=1)


@pytest.mark.parametrize(
    ("quantity", "update"), [(9, (ITEM, 1, 4)), (2, (ITEM, 2, 3)), (0, (ITEM, 2, 5))], ids=["more", "less", "none"]
)
async def test_a_level_arrives_as_what_is_missing(
    world: World, channel: WechatChannel, quantity: int, update: tuple[str, int, int]
) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    assert await channel.tell([level(quantity)]) == [Told()]
    assert world.shop.shelves[ITEM].quantity == quantity
    assert world.shop.updates == [update]


async def test_what_is_right_already_is_not_changed(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    assert await channel.tell([level(5)]) == [Told()]
    assert UPDATE not in world.troubles.calls


async def test_a_lost_answer_after_applying_never_applies_twice(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.after_reading.append(world.lose_next)
    with pytest.raises(ChannelDownError):
        await channel.tell([level(8)])
    assert world.shop.shelves[ITEM].quantity == 8, "it was applied before its answer was lost"
    assert await channel.tell([level(8)]) == [Told()]
    assert world.shop.shelves[ITEM].quantity == 8
    assert world.shop.updates == [(ITEM, 1, 3)]


async def test_a_newer_level_after_a_lost_answer_is_told_from_what_there_is(
    world: World, channel: WechatChannel
) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.after_reading.append(world.lose_next)
    with pytest.raises(ChannelDownError):
        await channel.tell([level(8)])
    assert await channel.tell([level(7)]) == [Told()]
    assert world.shop.updates == [(ITEM, 1, 3), (ITEM, 2, 1)]


async def test_busy_after_applying_never_applies_twice(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.says_after.append(-1)
    with pytest.raises(ChannelDownError, match="busy"):
        await channel.tell([level(2)])
    assert await channel.tell([level(2)]) == [Told()]
    assert world.shop.updates == [(ITEM, 2, 3)]


async def test_a_lost_reading_or_a_lost_token_changes_nothing(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.tell([level(8)])
    assert world.troubles.calls == {TOKEN: 1}
    await channel.read([ITEM])
    world.lose_next()
    with pytest.raises(ChannelDownError):
        await channel.tell([level(8)])
    assert world.shop.updates == []


async def test_a_sale_between_reading_and_change_is_seen_by_reading_again(world: World, channel: WechatChannel) -> None:
    shelf = world.shop.shelves[ITEM] = Shelf(5)
    world.shop.after_reading.append(lambda: shelf.sell(3))
    assert await channel.tell([level(1)]) == [Told()]
    assert (shelf.quantity, world.troubles.calls[GET], world.troubles.calls[UPDATE]) == (1, 2, 2)


async def test_a_sku_that_sells_too_fast_is_left_for_later(world: World, channel: WechatChannel) -> None:
    shelf = world.shop.shelves[ITEM] = Shelf(9)
    world.shop.after_reading.extend([lambda: shelf.sell(5), lambda: shelf.sell(3)])
    [answer] = await channel.tell([level(0)])
    assert isinstance(answer, Refused)
    assert answer.temporary
    assert world.troubles.calls[GET] == 2
    assert await channel.tell([level(0)]) == [Told()]
    assert shelf.quantity == 0


async def test_what_is_set_apart_counts_and_cannot_be_lowered_from_here(world: World, channel: WechatChannel) -> None:
    shelf = world.shop.shelves[ITEM] = Shelf(5, apart=10)
    assert await channel.tell([level(12)]) == [Told()]
    assert (shelf.quantity, await channel.read([ITEM])) == (2, [12])
    [answer] = await channel.tell([level(4)])
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "10 units are set apart" in answer.reason
    assert shelf.quantity == 0


@pytest.mark.parametrize(
    ("state", "temporary"), [(10020217, False), (10020289, False), (10020054, True), (10020112, True)]
)
async def test_a_change_that_the_shop_refuses_is_this_items_alone(
    world: World, channel: WechatChannel, state: int, temporary: bool
) -> None:
    world.shop.shelves |= {ITEM: Shelf(5, state=state), "7/8": Shelf(5)}
    [answer] = await channel.tell([level(6)])
    assert isinstance(answer, Refused)
    assert (answer.temporary, str(state) in answer.reason) == (temporary, True)
    assert await channel.tell([level(6, item_id="7/8")]) == [Told()]


async def test_no_difference_is_told_when_the_shop_says_so(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5, state=10020218)
    assert await channel.tell([level(6)]) == [Told()]


async def test_an_unknown_item_is_refused_and_read_as_none(world: World, channel: WechatChannel) -> None:
    world.shop.shelves["7/8"] = Shelf(3)
    [answer] = await channel.tell([level(6)])
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert await channel.read([ITEM]) == [None]
    assert await channel.read(["7/8"]) == [3]


async def test_a_reading_that_is_refused_for_another_reason_is_not_none(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.says.append(10020050)
    with pytest.raises(ChannelDownError, match="10020050"):
        await channel.read([ITEM])


async def test_a_token_that_ends_in_the_middle_is_renewed_and_the_call_repeated_once(
    world: World, channel: WechatChannel
) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.after_reading.append(world.shop.end_tokens)
    assert await channel.tell([level(8)]) == [Told()]
    assert world.shop.updates == [(ITEM, 1, 3)]
    assert world.troubles.calls == {TOKEN: 2, GET: 1, UPDATE: 2}


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_token_that_is_refused_twice_leaves_everything_unknown(
    world: World, channel: WechatChannel, errcode: int
) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.says.extend([errcode] * 2)
    with pytest.raises(ChannelDownError, match=str(errcode)):
        await channel.tell([level(8)])
    assert world.troubles.calls == {TOKEN: 2, GET: 2}
    assert await channel.tell([level(8)]) == [Told()]


async def test_a_token_is_kept_and_asked_for_again_ahead_of_its_end(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    for quantity in (1, 2, 3):
        await channel.tell([level(quantity)])
    assert world.troubles.calls[TOKEN] == 1
    world.now_ms = START_MS + TOKEN_S * 1000 - TOKEN_MARGIN_MS
    assert await channel.tell([level(4)]) == [Told()]
    assert (world.troubles.calls[TOKEN], world.shop.tokens_given) == (2, 2)


async def test_a_wrong_secret_is_gone_and_stays_secret(world: World) -> None:
    channel = world.open(app_secret="anotherSecret0anotherSecret01234")
    world.shop.adds = " anotherSecret0anotherSecret01234"
    with pytest.raises(ChannelGoneError, match="app secret is wrong") as gone:
        await channel.tell([level(1)])
    assert "anotherSecret" not in f"{gone.value!r} {gone.value.message} {channel!r}"
    await channel.close()


async def test_no_error_names_the_token(world: World, channel: WechatChannel, caplog: pytest.LogCaptureFixture) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    await channel.read([ITEM])
    world.shop.adds = " 84_access_1_" + "x" * 120
    world.shop.says.append(-1)
    with pytest.raises(ChannelDownError) as busy:
        await channel.tell([level(1)])
    world.troubles.down = True
    with pytest.raises(ChannelDownError) as down:
        await channel.tell([level(1)])
    assert "84_access" not in f"{busy.value.message} {down.value!r} {channel!r} {caplog.text}"


@pytest.mark.parametrize(
    ("says", "retry_after_ms"), [(45011, 60_000), (45009, 4 * 3_600_000), (-1, None)], ids=["minute", "day", "busy"]
)
async def test_a_full_minute_and_a_full_day_say_when_to_come_back(
    world: World, channel: WechatChannel, says: int, retry_after_ms: int | None
) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.says.append(says)
    with pytest.raises(ChannelDownError) as down:
        await channel.tell([level(1)])
    assert down.value.retry_after_ms == retry_after_ms


async def test_a_full_day_of_tokens_is_not_gone(world: World, channel: WechatChannel) -> None:
    world.shop.token_says = 45009
    with pytest.raises(ChannelDownError) as down:
        await channel.tell([level(1)])
    assert down.value.retry_after_ms == 4 * 3_600_000


@pytest.mark.parametrize(("hint_s", "retry_after_ms"), [(None, None), (7, 7_000)], ids=["no hint", "a hint"])
async def test_throttling_says_when_to_come_back(
    world: World, channel: WechatChannel, hint_s: int | None, retry_after_ms: int | None
) -> None:
    world.troubles.throttle.append(Throttled(retry_after_s=hint_s))
    with pytest.raises(ChannelDownError) as down:
        await channel.tell([level(1)])
    assert down.value.retry_after_ms == retry_after_ms


async def test_a_permission_that_was_taken_away_is_gone(world: World, channel: WechatChannel) -> None:
    world.shop.says.append(48001)
    with pytest.raises(ChannelGoneError, match="grant it"):
        await channel.tell([level(1)])


async def test_rubbish_in_place_of_an_answer_leaves_everything_unknown(world: World, channel: WechatChannel) -> None:
    world.shop.shelves[ITEM] = Shelf(5)
    world.shop.rubbish = 1
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.tell([level(8)])
    assert await channel.tell([level(8)]) == [Told()]
    assert world.shop.updates == [(ITEM, 1, 3)]
