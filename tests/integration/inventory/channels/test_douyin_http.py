"""Shops of Douyin, against a server that checks every call: levels arrive, and what goes wrong is told as it is."""

from collections.abc import AsyncIterator, Mapping

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
from inventory.channels.douyin.channel_http import DouyinChannel, DouyinKind
from tests.fakes.channels.douyin import NOT_THERE, REFRESH, STOCK, UPDATE, FakeDouyin
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.serving import serving


class Shop:
    """A channel and the shop behind it; ``saved`` is what it stored."""

    def __init__(self, fake: FakeDouyin, troubles: Troubles, kind: DouyinKind) -> None:
        self.fake, self.troubles, self.kind = fake, troubles, kind
        self.saved: list[dict[str, str]] = []
        self.opened: list[DouyinChannel] = []
        self.channel = self.open()

    def open(
        self, *, access_ends_at_s: int | None = None, secret: str = "", app_key: str = "", shop_id: int = 0
    ) -> DouyinChannel:
        ends_at_s = self.fake.expires_at_s if access_ends_at_s is None else access_ends_at_s
        self.config = ChannelConfig(
            channel_id="ch_1",
            kind="douyin",
            name="the shop",
            settings={"app_key": app_key or self.fake.app_key, "shop_id": str(shop_id or self.fake.shop_id)},
            secrets={
                "app_secret": secret or self.fake.app_secret,
                "access_token": self.fake.access_token,
                "refresh_token": self.fake.refresh_token,
                "access_token_expires_at": str(ends_at_s),
            },
        )
        self.channel = self.kind.open(self.config, self.save)
        self.opened.append(self.channel)
        return self.channel

    async def save(self, secrets: Mapping[str, str]) -> None:
        assert secrets["access_token"] == self.fake.access_token
        self.saved.append(dict(secrets))

    async def tell(self, *levels: Level) -> list[Answer]:
        answers = await self.channel.tell(levels)
        assert len(answers) == len(levels)
        return answers

    def hides_secrets(self, text: str) -> bool:
        everything = [*self.config.secrets.values(), *(value for one in self.saved for value in one.values())]
        return not any(secret in text for secret in everything if secret != "0")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    fake = FakeDouyin()
    fake.stock = {(1001, 11): 1, (1001, 12): 1, (1002, 21): 1}
    troubles = Troubles(fake.app)
    async with serving(Starlette(routes=[Mount("/", troubles)])) as url:
        shop = Shop(fake, troubles, DouyinKind(base_url=url, read_pause_s=0))
        yield shop
        for channel in shop.opened:
            await channel.close()


def level(item: str = "1001/11", quantity: int = 7, version: int = 3) -> Level:
    return Level(sku=f"sku-{item}", item_id=item, quantity=quantity, version=version)


@pytest.mark.parametrize("as_text", [False, True])
async def test_levels_of_several_products_arrive_in_one_call(shop: Shop, as_text: bool) -> None:
    shop.fake.as_text = as_text
    assert await shop.tell(level("1001/11", 7), level("1002/21", 0), level("1001/12", 9)) == [Told()] * 3
    assert shop.fake.stock == {(1001, 11): 7, (1001, 12): 9, (1002, 21): 0}
    assert shop.troubles.calls == {f"POST {UPDATE}": 1}


async def test_the_most_skus_of_a_call_are_taken(shop: Shop) -> None:
    count = shop.channel.capabilities.batch_size
    shop.fake.stock = {(1, sku): 0 for sku in range(1, count + 1)}
    assert await shop.tell(*(level(f"1/{sku}", sku) for sku in range(1, count + 1))) == [Told()] * count
    assert shop.fake.stock == {(1, sku): sku for sku in range(1, count + 1)}


async def test_refused_and_unknown_skus_do_not_stop_the_others(shop: Shop) -> None:
    shop.fake.refused = {12: 20001}
    told, busy, unknown = await shop.tell(level("1001/11"), level("1001/12"), level("1001/99"))
    assert told == Told()
    assert isinstance(busy, Refused)
    assert busy.temporary
    assert isinstance(unknown, Refused)
    assert not unknown.temporary
    assert f"{NOT_THERE}: because of {NOT_THERE}" in unknown.reason
    assert shop.fake.stock[1001, 12] == 1


async def test_one_bad_sku_costs_only_itself_where_a_call_is_all_or_nothing(shop: Shop) -> None:
    shop.fake.is_all_or_nothing = True
    shop.fake.refused = {12: 2010009}
    first, bad, last = await shop.tell(level("1001/11"), level("1001/12"), level("1002/21"))
    assert first == last == Told()
    assert isinstance(bad, Refused)
    assert not bad.temporary
    assert shop.fake.stock == {(1001, 11): 7, (1001, 12): 1, (1002, 21): 7}


async def test_a_level_whose_answer_was_lost_is_not_set_again_over_what_was_sold_since(shop: Shop) -> None:
    shop.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await shop.tell(level(quantity=7))
    assert shop.fake.stock[1001, 11] == 7
    shop.fake.stock[1001, 11] -= 2
    assert await shop.tell(level(quantity=7)) == [Told()]
    assert shop.fake.stock[1001, 11] == 5
    assert len(shop.fake.updates) == 1


async def test_a_quantity_that_comes_back_is_set_again(shop: Shop) -> None:
    for version, quantity in enumerate((7, 4, 7), start=1):
        assert await shop.tell(level(quantity=quantity, version=version)) == [Told()]
    assert shop.fake.stock[1001, 11] == 7
    assert len(set(shop.fake.updates)) == 3


async def test_a_level_that_was_refused_is_really_told_when_it_is_offered_again(shop: Shop) -> None:
    shop.fake.refused = {11: 20001}
    for _ in range(2):
        (refused,) = await shop.tell(level())
        assert isinstance(refused, Refused)
    shop.fake.refused = {}
    assert await shop.tell(level()) == [Told()]
    assert shop.fake.stock[1001, 11] == 7


async def test_what_a_process_before_us_told_is_told_again(shop: Shop) -> None:
    assert await shop.tell(level()) == [Told()]
    shop.fake.stock[1001, 11] = 1
    shop.open()
    assert await shop.tell(level()) == [Told()]
    assert shop.fake.stock[1001, 11] == 7


async def test_a_call_that_was_not_applied_is_told_when_it_is_repeated(shop: Shop) -> None:
    shop.troubles.fail = 1
    with pytest.raises(ChannelDownError):
        await shop.tell(level())
    assert await shop.tell(level()) == [Told()]
    assert shop.fake.stock[1001, 11] == 7


@pytest.mark.parametrize(("after_s", "wait_ms"), [(3, 3000), (None, None)])
async def test_too_many_calls_are_waited_for_as_asked(shop: Shop, after_s: int | None, wait_ms: int | None) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=after_s))
    with pytest.raises(ChannelDownError) as caught:
        await shop.tell(level())
    assert caught.value.retry_after_ms == wait_ms


@pytest.mark.parametrize("code", [20000, 20001, 60000, 90000, 50001, 77])
async def test_a_call_that_failed_for_now_is_unknown(shop: Shop, code: int) -> None:
    shop.fake.whole.append((code, ""))
    with pytest.raises(ChannelDownError, match=str(code)):
        await shop.tell(level())


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"[]", b'{"code":"x"}', b'{"code":10000,"data":{"results":[{"sku_id":11}]}}', b"\xff"]
)
async def test_an_answer_that_cannot_be_read_is_unknown(shop: Shop, raw: bytes) -> None:
    shop.fake.raw.append(raw)
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await shop.tell(level())


async def test_what_is_new_in_an_answer_is_passed_over(shop: Shop) -> None:
    shop.fake.raw.append(b'{"code":10000,"new":[1],"data":{"results":[{"sku_id":11,"status_code":0,"new":2}]}}')
    assert await shop.tell(level()) == [Told()]


async def test_access_that_ended_early_is_renewed_once_saved_and_used(shop: Shop) -> None:
    shop.fake.end_access()
    assert await shop.tell(level()) == [Told()]
    assert shop.troubles.calls == {f"POST {UPDATE}": 2, f"POST {REFRESH}": 1}
    assert [one["refresh_token"] for one in shop.saved] == [shop.fake.refresh_token]
    assert abs(int(shop.saved[0]["access_token_expires_at"]) - shop.fake.expires_at_s) <= 1
    assert shop.saved[0]["app_secret"] == shop.fake.app_secret
    # The second renewal uses the token that the first one brought, and an end that is told as a time.
    shop.fake.end_access()
    shop.fake.tells_absolute_end = True
    assert await shop.tell(level(version=4)) == [Told()]
    assert shop.saved[1]["access_token_expires_at"] == str(shop.fake.expires_at_s)
    assert shop.fake.renewals == 2


async def test_access_is_renewed_ahead_of_its_end(shop: Shop) -> None:
    shop.fake.expires_at_s += 29 * 60 - shop.fake.lives_s
    shop.open()
    assert await shop.tell(level()) == [Told()]
    assert await shop.tell(level(version=4)) == [Told()]
    assert shop.troubles.calls == {f"POST {REFRESH}": 1, f"POST {UPDATE}": 2}


async def test_access_that_is_renewed_no_more_needs_somebody(shop: Shop) -> None:
    shop.fake.end_access()
    shop.fake.revoked = True
    with pytest.raises(ChannelGoneError, match="authorise the app again") as caught:
        await shop.tell(level())
    assert shop.hides_secrets(str(caught.value))
    assert "no token for …" in str(caught.value)
    assert shop.saved == []


async def test_new_access_that_is_not_taken_needs_somebody(shop: Shop) -> None:
    shop.fake.whole.extend([(40003, "isv.access-token-no-existed")] * 2)
    with pytest.raises(ChannelGoneError, match="its own new access"):
        await shop.tell(level())


async def test_access_of_another_shop_is_not_used(shop: Shop) -> None:
    shop.open(access_ends_at_s=0, shop_id=5)
    with pytest.raises(ChannelGoneError, match="another shop"):
        await shop.tell(level())
    assert shop.saved == []


@pytest.mark.parametrize("wrong", [{"secret": "another-secret"}, {"app_key": "99999"}])
async def test_a_wrong_set_up_needs_somebody(shop: Shop, wrong: dict[str, str]) -> None:
    shop.open(secret=wrong.get("secret", ""), app_key=wrong.get("app_key", ""))
    with pytest.raises(ChannelGoneError) as caught:
        await shop.tell(level())
    assert shop.hides_secrets(str(caught.value))


async def test_errors_name_no_secrets(shop: Shop) -> None:
    shop.open(access_ends_at_s=0)
    shop.troubles.down = True
    with pytest.raises(ChannelDownError) as caught:
        await shop.tell(level())
    assert shop.hides_secrets(f"{caught.value} {caught.value!r} {shop.config!r} {shop.channel!r}")


async def test_stock_is_read_back_one_by_one_and_what_is_not_there_is_none(shop: Shop) -> None:
    await shop.tell(level("1001/11", 7), level("1002/21", 0))
    shop.fake.by_region = {12}
    assert await shop.channel.read(["1002/21", "1001/99", "1001/11", "1001/12"]) == [0, None, 7, None]
    assert shop.troubles.calls[f"POST {STOCK}"] == 4


async def test_stock_of_another_sku_is_no_answer(shop: Shop) -> None:
    for raw in (b'{"code":10000,"data":{"sku_id":12,"stock_num":5}}', b'{"code":10000}'):
        shop.fake.raw.append(raw)
        with pytest.raises(ChannelDownError, match="another SKU"):
            await shop.channel.read(["1001/11"])
