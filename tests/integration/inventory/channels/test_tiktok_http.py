"""TikTok Shop, against a server that checks every call: levels arrive, and what goes wrong is told as it is."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError, Level, Refused, Told
from tests.fakes.channels.tiktok import REFRESH, SEARCH
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.tiktok_shop import Shop, open_shop

UPDATE = "POST /product/202309/products/1001/inventory/update"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        yield shop


def level(item: str = "1001/11", quantity: int = 7) -> Level:
    return Level(sku=f"sku-{item}", item_id=item, quantity=quantity, version=3)


async def test_levels_of_a_product_arrive_in_one_call_in_the_first_warehouse(shop: Shop) -> None:
    assert await shop.tell(level("1001/11", 7), level("1001/12", 0), level("1001/13", 99_999)) == [Told()] * 3
    assert [shop.fake.stock("1001", sku) for sku in ("11", "12", "13")] == [[7, 0], [0, 0], [99_999, 0]]
    assert shop.troubles.calls == {UPDATE: 1}


async def test_the_most_skus_of_a_call_are_taken(shop: Shop) -> None:
    capabilities = shop.channel.capabilities
    shop.fake.add("1001", *(str(sku) for sku in range(100, 100 + capabilities.batch_size)))
    levels = [level(f"1001/{sku}", capabilities.most_quantity) for sku in range(100, 100 + capabilities.batch_size)]
    assert await shop.tell(*levels) == [Told()] * capabilities.batch_size
    assert shop.fake.updates == [capabilities.batch_size]


async def test_one_refused_sku_does_not_stop_the_others(shop: Shop) -> None:
    shop.fake.refused["12"] = 12052393
    told, refused, also_told = await shop.tell(level("1001/11"), level("1001/12"), level("1001/13"))
    assert told == also_told == Told()
    assert isinstance(refused, Refused)
    assert not refused.temporary
    assert "12052393: because of 12052393" in refused.reason
    assert shop.fake.stock("1001", "12") == [1, 1]


async def test_a_sku_that_was_busy_is_refused_for_now(shop: Shop) -> None:
    shop.fake.refused["11"] = 36009003
    (refused,) = await shop.tell(level())
    assert isinstance(refused, Refused)
    assert refused.temporary


async def test_staff_is_told_what_to_do_where_zero_is_no_quantity(shop: Shop) -> None:
    shop.fake.takes_zero = False
    told, refused = await shop.tell(level("1001/11", 1), level("1001/12", 0))
    assert told == Told()
    assert isinstance(refused, Refused)
    assert not refused.temporary
    assert "deactivate it there by hand" in refused.reason


async def test_a_sku_that_is_not_there_costs_only_itself(shop: Shop) -> None:
    shop.fake.add("1001", *(str(sku) for sku in range(100, 120)))
    levels = [level(f"1001/{sku}") for sku in range(101, 121)]
    answers = await shop.tell(*levels)
    assert answers[:-1] == [Told()] * 19
    assert isinstance(answers[-1], Refused)
    assert not answers[-1].temporary
    assert "12052556" in answers[-1].reason


async def test_a_product_that_is_not_there_is_asked_for_once(shop: Shop) -> None:
    answers = await shop.tell(level("999/1"), level("999/2"))
    assert all(isinstance(answer, Refused) and not answer.temporary for answer in answers)
    assert sum(shop.troubles.calls.values()) == 1


async def test_wrong_warehouses_are_told(shop: Shop) -> None:
    shop.open(warehouses="7001")
    (refused,) = await shop.tell(level())
    assert isinstance(refused, Refused)
    assert "12019028" in refused.reason


async def test_a_level_whose_answer_was_lost_is_told_again(shop: Shop) -> None:
    shop.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await shop.tell(level())
    assert shop.fake.stock("1001", "11") == [7, 0]
    assert await shop.tell(level()) == [Told()]
    assert shop.fake.stock("1001", "11") == [7, 0]


@pytest.mark.parametrize(("after_s", "wait_ms"), [(3, 3000), (None, None)])
async def test_too_many_calls_are_waited_for_as_asked(shop: Shop, after_s: int | None, wait_ms: int | None) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=after_s))
    with pytest.raises(ChannelDownError) as caught:
        await shop.tell(level())
    assert caught.value.retry_after_ms == wait_ms


@pytest.mark.parametrize("code", [36009002, 36009003, 36009007, 77])
async def test_a_call_that_failed_for_now_is_unknown(shop: Shop, code: int) -> None:
    shop.fake.whole.append(code)
    with pytest.raises(ChannelDownError, match=str(code)):
        await shop.tell(level())


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"code":"0"}', b'{"code":0,"data":{"errors":[{}]}}', b"\xff"])
async def test_an_answer_that_cannot_be_read_is_unknown(shop: Shop, raw: bytes) -> None:
    shop.fake.raw.append(raw)
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await shop.tell(level())


async def test_what_is_new_in_an_answer_is_passed_over(shop: Shop) -> None:
    shop.fake.raw.append(b'{"code":0,"data":{"errors":null,"new":1},"newer":[2]}')
    assert await shop.tell(level()) == [Told()]


async def test_access_that_ended_early_is_renewed_once_saved_and_used(shop: Shop) -> None:
    shop.fake.end_access()
    assert await shop.tell(level()) == [Told()]
    assert shop.troubles.calls == {UPDATE: 2, f"GET {REFRESH}": 1}
    assert [one["refresh_token"] for one in shop.saved] == [shop.fake.refresh_token]
    assert shop.saved[0]["access_token_expires_at"] == str(shop.fake.expires_at_s)
    assert shop.saved[0]["app_secret"] == shop.fake.app_secret
    # The second renewal uses the token that the first one brought.
    shop.fake.end_access()
    assert await shop.tell(level()) == [Told()]
    assert shop.fake.renewals == 2


async def test_access_is_renewed_ahead_of_its_end(shop: Shop) -> None:
    shop.open(access_ends_at_s=shop.fake.expires_at_s - shop.fake.lives_s + 60)
    assert await shop.tell(level()) == [Told()]
    assert await shop.tell(level()) == [Told()]
    assert shop.troubles.calls == {f"GET {REFRESH}": 1, UPDATE: 2}


async def test_access_that_is_renewed_no_more_needs_somebody(shop: Shop) -> None:
    shop.fake.end_access()
    shop.fake.revoked = True
    with pytest.raises(ChannelGoneError, match="authorise the app again") as caught:
        await shop.tell(level())
    assert shop.hides_secrets(str(caught.value))
    assert "36004004: invalid refresh token …" in str(caught.value)
    assert shop.saved == []


async def test_new_access_that_is_not_taken_needs_somebody(shop: Shop) -> None:
    shop.fake.whole.extend([105002, 105002])
    with pytest.raises(ChannelGoneError, match="its own new access"):
        await shop.tell(level())
    assert shop.fake.renewals == 1


@pytest.mark.parametrize("name", ["app_secret", "app_key", "shop_cipher"])
async def test_a_wrong_set_up_needs_somebody(shop: Shop, name: str) -> None:
    wrong = {name: "something-else"}
    config = ChannelConfig(
        channel_id="ch_1",
        kind="tiktok",
        name="the shop",
        settings=shop.config.settings | {key: wrong[key] for key in wrong if key in shop.config.settings},
        secrets=shop.config.secrets | {key: wrong[key] for key in wrong if key in shop.config.secrets},
    )
    channel = shop.kind.open(config, shop.save)
    shop.opened.append(channel)
    with pytest.raises(ChannelGoneError) as caught:
        await channel.tell([level()])
    assert shop.hides_secrets(str(caught.value))


async def test_errors_name_no_secrets(shop: Shop) -> None:
    shop.open(access_ends_at_s=0)
    shop.troubles.down = True
    with pytest.raises(ChannelDownError) as caught:
        await shop.tell(level())
    assert shop.hides_secrets(f"{caught.value} {caught.value!r} {shop.config!r} {shop.channel!r}")


async def test_stock_is_read_back_and_what_is_not_there_is_none(shop: Shop) -> None:
    await shop.tell(level("1001/11", 7), level("1001/12", 0))
    assert await shop.channel.read(["1001/12", "1001/99", "1001/11", "1001/21"]) == [0, None, 7, None]
    assert shop.troubles.calls[f"POST {SEARCH}"] == 1


async def test_reading_an_unreadable_answer_is_unknown(shop: Shop) -> None:
    shop.fake.raw.append(msgspec.json.encode({"code": 0, "data": {"inventory": [{"product_id": 1001}]}}))
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await shop.channel.read(["1001/11"])
    shop.fake.raw.append(msgspec.json.encode({"code": 12019015, "message": "too many"}))
    with pytest.raises(ChannelDownError, match="12019015"):
        await shop.channel.read(["1001/11"])
