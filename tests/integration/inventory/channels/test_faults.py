"""What channels do to us. Each ends with invariant 10: the channel shows what the ledger says, by its movements."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kit.postgres import Postgres
from tests.integration.inventory.channels.place import Place, open_place
from tests.integration.inventory.channels.shelf import SKUS, in_step, until
from tests.integration.inventory.channels.shops import PinterestShop, TikTokShop, hurry

pytestmark = pytest.mark.timeout(15)

EVERY_KIND = pytest.mark.parametrize("kind", ["tiktok", "wechat", "meta", "pinterest"])
LINKED_KINDS = pytest.mark.parametrize("kind", ["tiktok", "wechat"])
SOLD = SKUS[7]
"""The SKU that things happen to: ten units, two of which the channel never shows."""


@pytest.fixture
async def place(kind: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    hurry(monkeypatch)
    async with open_place(postgres, kind) as place:
        yield place


@EVERY_KIND
async def test_a_change_that_was_applied_and_never_answered_is_found_right_or_made_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.calls_http.CALL_TIMEOUT_S", 0.3)
    place.shop.mishaps.hold(place.shop.write)
    async with place.working():
        await place.comes_right()
    assert place.shop.mishaps.held == 1


@EVERY_KIND
async def test_what_sold_out_unheard_and_came_back_is_on_sale_again(place: Place) -> None:
    if isinstance(place.shop, PinterestShop):
        place.shop.fake.polls = 0  # it works on a batch at once, whether anybody asks for it or not
    async with place.working():
        await place.comes_right()
        place.shop.mishaps.lose(place.shop.write)
        await place.change(SOLD, -10)
        await until(lambda: place.shop.mishaps.over)
        assert place.shop.shown()[place.item(SOLD)] == 0, "it was applied before its answer was lost"
        await place.change(SOLD, 10)
        await place.comes_right()
    assert place.shown(SOLD) == place.as_shown(8)


@EVERY_KIND
async def test_one_item_that_is_refused_holds_up_none_of_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.loop.REFUSED_RETRY_MS", 400)
    place.shop.refuse(place.item(SOLD))
    async with place.working():
        await in_step(place.channels, place.channel_id, behind=1)
        assert await place.error(SOLD)
        assert [sku for sku in SKUS if place.shown(sku) != place.as_shown(8)] == [SOLD]
        place.shop.accept(place.item(SOLD))
        await place.comes_right()
    assert place.shown(SOLD) == place.as_shown(8)


@EVERY_KIND
@pytest.mark.parametrize(("hint_s", "least_s"), [(1, 1.0), (None, 0.2)], ids=["with a hint", "without a hint"])
async def test_too_many_calls_are_waited_for(place: Place, hint_s: int | None, least_s: float) -> None:
    place.shop.mishaps.answer(place.shop.write, 429, retry_after_s=hint_s)
    async with place.working():
        await place.comes_right()
    first, second, *_ = place.shop.mishaps.times(place.shop.write)
    assert second - first >= least_s


@pytest.mark.parametrize(("kind", "number"), [("tiktok", 2), ("wechat", 7), ("pinterest", 2)])
async def test_access_that_ends_in_the_middle_of_a_batch_is_renewed(place: Place, number: int) -> None:
    path = place.shop.write.removeprefix("POST ")  # also the questions about it
    place.shop.mishaps.before(path, number, place.shop.end_access)
    async with place.working():
        await place.comes_right()
    assert place.shop.mishaps.over
    assert (await place.view()).state == "active"


@EVERY_KIND
async def test_a_channel_that_answers_500_for_an_hour_is_left_alone_and_catches_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand times as fast: the longest pause is 30 ms, and the hour 1.8 s."""
    faster = 2_000
    monkeypatch.setattr("inventory.channels.backoff.BACKOFF_FIRST_MS", 1)
    monkeypatch.setattr("inventory.channels.backoff.BACKOFF_MOST_MS", 60_000 // faster)
    monkeypatch.setattr("kit.pace.SETTLES_S", 1 / faster)
    monkeypatch.setattr("kit.pace.RECOVERY_SHARE_PER_S", 0.02 * faster)
    place.shop.mishaps.down = True
    async with place.working():
        ends_at = asyncio.get_running_loop().time() + 3_600 / faster
        while asyncio.get_running_loop().time() < ends_at:
            await place.change(SOLD, -1 if (await place.ledger.level(SOLD)).on_hand > 5 else 3)
        tried = len(place.shop.mishaps.calls)
        assert (await place.view()).last_error is not None
        place.shop.mishaps.down = False
        await place.comes_right()
    assert 10 < tried < 140, "a minute between two tries, or half of it"
    assert (await place.view()).last_error is None


@LINKED_KINDS
@pytest.mark.parametrize("wrong", ["99999/99999", "1002/2001"], ids=["unknown", "of another product"])
async def test_a_wrong_link_is_named_and_what_is_corrected_is_told_at_once(place: Place, wrong: str) -> None:
    await place.link({SOLD: wrong})
    async with place.working():
        await in_step(place.channels, place.channel_id, behind=1)
        assert await place.error(SOLD)
        await place.link({SOLD: place.item(SOLD)})
        await place.comes_right()
    assert (await place.level(SOLD)).last_error is None
    assert place.shown(SOLD) == 8


@LINKED_KINDS
async def test_a_link_that_is_corrected_during_a_call_is_told_for_the_right_item(place: Place) -> None:
    async with place.working():
        await place.comes_right()
        await place.link({SOLD: place.item(SKUS[0]), SKUS[0]: place.item(SOLD)})
        await place.comes_right()
        place.shop.mishaps.hold(place.shop.write)
        await place.change(SOLD, -3)
        await until(lambda: place.shop.mishaps.held == 1)
        await place.link({SOLD: place.item(SOLD), SKUS[0]: place.item(SKUS[0])})
        place.shop.mishaps.gate.set()
        await place.comes_right()
    assert (place.shown(SOLD), place.shown(SKUS[0])) == (5, 8)


@LINKED_KINDS
async def test_what_is_let_go_during_a_call_is_told_when_it_is_linked_again(place: Place) -> None:
    async with place.working():
        await place.comes_right()
        place.shop.mishaps.hold(place.shop.write)
        await place.change(SOLD, -3)
        await until(lambda: place.shop.mishaps.held == 1)
        await place.links.unlink(place.channel_id, [SOLD])
        place.shop.mishaps.gate.set()
        await asyncio.sleep(0.2)
        place.shop.mishaps.answer(place.shop.write, 500)  # seen only if it is told again
        await place.link({SOLD: place.item(SOLD)})
        if place.name == "tiktok":  # the other one reads first, and finds nothing to change
            await until(lambda: place.shop.mishaps.over)
        await place.comes_right()
    assert (await place.level(SOLD)).told == 5


@EVERY_KIND
async def test_a_quantity_that_is_refused_does_not_hold_up_the_next_one(place: Place) -> None:
    """The refused one itself is offered again a quarter of an hour later."""
    async with place.working():
        await place.comes_right()
        place.shop.refuse(place.item(SOLD))
        await place.change(SOLD, -10)
        assert await place.error(SOLD)
        place.shop.accept(place.item(SOLD))
        await place.change(SOLD, 4)
        await place.comes_right()
    assert place.shown(SOLD) == place.as_shown(2)


@EVERY_KIND
async def test_a_refusal_that_comes_after_the_next_change_does_not_hold_that_up(place: Place) -> None:
    async with place.working():
        await place.comes_right()
        place.shop.refuse(place.item(SOLD))
        place.shop.mishaps.hold(place.shop.write)
        await place.change(SOLD, -10)
        await until(lambda: place.shop.mishaps.held == 1)
        await place.change(SOLD, 4)
        place.shop.accept(place.item(SOLD))
        place.shop.mishaps.gate.set()
        await place.comes_right()
    assert place.shown(SOLD) == place.as_shown(2)


@pytest.mark.parametrize("kind", ["tiktok"])
async def test_a_shop_that_takes_no_zero_is_right_again_with_the_next_units(place: Place) -> None:
    assert isinstance(place.shop, TikTokShop)
    place.shop.fake.takes_zero = False
    async with place.working():
        await place.comes_right()
        await place.change(SOLD, -10)
        assert "does not take 0" in await place.error(SOLD)
        await place.change(SOLD, 3)
        await place.comes_right()
    assert place.shown(SOLD) == 1
