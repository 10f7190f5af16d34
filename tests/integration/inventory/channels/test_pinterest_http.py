from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import (
    Answer,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Pending,
    Refused,
    Told,
)
from inventory.channels.pinterest.calls_http import TOKEN_MARGIN_S
from inventory.channels.pinterest.channel_http import BATCH, PinterestChannel, PinterestKind
from kit.errors import UnavailableError
from tests.fakes.channels.pinterest import (
    ACCESS_S,
    CATALOG_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    FIRST_REFRESH,
    FakePinterest,
)
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.serving import serving

START_MS = 1_795_348_800_000
RENEW = "POST /v5/oauth/token"
ITEMS_BATCH = "POST /v5/catalogs/items/batch"
READ = "POST /v5/catalogs/items"
IN, OUT = "in stock", "out of stock"


class World:
    """A catalogue with troubles around it, and where a channel's secrets are kept.

    Attributes:
        now_ms: the clock of both.
        saved: the secrets, as they were saved last.
        saves_fail: so many of the next saves fail.
    """

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.catalogue = FakePinterest(clock_ms=lambda: self.now_ms)
        self.catalogue.items = {"MUG": IN, "CUP": OUT, "JUG": IN}
        self.troubles = Troubles(self.catalogue.app)
        self.url = ""
        self.saved: dict[str, str] = {
            "client_secret": CLIENT_SECRET,
            "refresh_token": FIRST_REFRESH,
            "access_token": "",
            "access_token_expires_at": "0",
        }
        self.saves_fail = 0

    async def save(self, secrets: Mapping[str, str]) -> None:
        if self.saves_fail > 0:
            self.saves_fail -= 1
            raise UnavailableError("the store is away")
        self.saved = dict(secrets)

    def open(self) -> PinterestChannel:
        config = ChannelConfig(
            channel_id="chan_1",
            kind="pinterest",
            name="our catalogue",
            settings={"catalog_id": CATALOG_ID, "country": "US", "language": "en-US", "client_id": CLIENT_ID},
            secrets=dict(self.saved),
        )
        kind = PinterestKind(base_url=f"{self.url}/v5", clock_ms=lambda: self.now_ms)
        return kind.open(config, self.save)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with serving(Starlette(routes=[Mount("/", app=world.troubles)])) as world.url:
        yield world


@pytest.fixture
async def channel(world: World) -> AsyncIterator[PinterestChannel]:
    channel = world.open()
    yield channel
    await channel.close()


def levels(**quantities: int) -> list[Level]:
    return [Level(sku=sku, item_id=sku, quantity=quantity, version=1) for sku, quantity in quantities.items()]


async def told(channel: PinterestChannel, wanted: Sequence[Level]) -> list[Answer]:
    """Tell, and ask until it is done."""
    answer = await channel.tell(wanted)
    while isinstance(answer, Pending):
        done = await channel.outcome(answer, wanted)
        answer = answer if done is None else done
    return answer


async def test_levels_arrive_as_availability_and_are_read_back(world: World, channel: PinterestChannel) -> None:
    assert await told(channel, levels(MUG=0, CUP=7, JUG=1)) == [Told()] * 3
    assert world.catalogue.items == {"MUG": OUT, "CUP": IN, "JUG": IN}
    assert await channel.read(["CUP", "NO-SUCH-ITEM", "MUG"]) == [1, None, 0]


async def test_a_batch_is_asked_about_until_it_is_done(world: World, channel: PinterestChannel) -> None:
    world.catalogue.polls = 2
    wanted = levels(MUG=0)
    pending = await channel.tell(wanted)
    assert isinstance(pending, Pending)
    assert [await channel.outcome(pending, wanted) for _ in range(3)] == [None, None, [Told()]]


async def test_the_largest_batch_is_taken_and_read(world: World, channel: PinterestChannel) -> None:
    world.catalogue.items = {f"SKU-{n}": IN for n in range(BATCH)}
    wanted = levels(**dict.fromkeys(world.catalogue.items, 0))
    assert await told(channel, wanted) == [Told()] * BATCH
    assert await channel.read(list(world.catalogue.items)) == [0] * BATCH
    assert list(world.catalogue.batch_sizes) == [BATCH]


async def test_an_item_that_fails_is_refused_alone(world: World, channel: PinterestChannel) -> None:
    world.catalogue.refuses["CUP"] = 106
    mug, cup, other = await told(channel, levels(MUG=0, CUP=5, OTHER=5))
    assert mug == Told()
    assert isinstance(cup, Refused)
    assert (cup.temporary, cup.reason) == (
        False,
        "Pinterest did not take it (Pinterest: 106 item_id: Item CUP cannot be updated)",
    )
    assert isinstance(other, Refused), "the catalogue has no such item"
    assert world.catalogue.items == {"MUG": OUT, "CUP": OUT, "JUG": IN}


async def test_a_batch_that_fails_as_a_whole_is_for_later(world: World, channel: PinterestChannel) -> None:
    world.catalogue.loses_items = True
    answers = await told(channel, levels(MUG=0, CUP=1))
    assert [isinstance(one, Refused) and one.temporary for one in answers] == [True, True]
    world.catalogue.loses_items = False
    world.catalogue.forget()
    assert await told(channel, levels(MUG=0, CUP=1)) == [Told()] * 2


async def test_a_batch_that_is_forgotten_is_for_later(world: World, channel: PinterestChannel) -> None:
    pending = await channel.tell(levels(MUG=0))
    world.catalogue.forget()
    assert isinstance(pending, Pending)
    [answer] = await channel.outcome(pending, levels(MUG=0)) or []
    assert isinstance(answer, Refused)
    assert (answer.temporary, "4331" in answer.reason) == (True, True)


async def test_a_lost_answer_after_applying_and_the_same_again_is_told(world: World, channel: PinterestChannel) -> None:
    await channel.read(["MUG"])
    world.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.tell(levels(MUG=0))
    assert await channel.tell(levels(MUG=0)) == [Told()], "skipped, as it was told the same"
    assert world.catalogue.items["MUG"] == OUT
    assert len(world.catalogue.batch_sizes) == 1


async def test_a_skipped_batch_that_does_not_show_yet_is_for_later(world: World, channel: PinterestChannel) -> None:
    await told(channel, levels(MUG=0))
    await told(channel, levels(MUG=1))
    [answer] = await told(channel, levels(MUG=0))
    assert isinstance(answer, Refused), "the third was taken for the first, and nothing was done"
    assert answer.temporary
    world.catalogue.forget()
    assert await told(channel, levels(MUG=0)) == [Told()]
    assert world.catalogue.items["MUG"] == OUT


async def test_an_answer_about_a_batch_that_is_lost_is_asked_for_again(world: World, channel: PinterestChannel) -> None:
    pending = await channel.tell(levels(MUG=0))
    assert isinstance(pending, Pending)
    world.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.outcome(pending, levels(MUG=0))
    assert await channel.outcome(pending, levels(MUG=0)) == [Told()]


@pytest.mark.parametrize(("hint_s", "retry_after_ms"), [(None, None), (9, 9_000)], ids=["no hint", "a hint"])
async def test_throttling_says_when_to_come_back(
    world: World, channel: PinterestChannel, hint_s: int | None, retry_after_ms: int | None
) -> None:
    await channel.read(["MUG"])
    world.troubles.throttle.append(Throttled(retry_after_s=hint_s))
    with pytest.raises(ChannelDownError) as down:
        await channel.tell(levels(MUG=0))
    assert down.value.retry_after_ms == retry_after_ms


async def test_access_that_ends_in_the_middle_is_renewed_and_the_call_repeated_once(
    world: World, channel: PinterestChannel
) -> None:
    pending = await channel.tell(levels(MUG=0))
    assert isinstance(pending, Pending)
    world.catalogue.end_access()
    assert await channel.outcome(pending, levels(MUG=0)) == [Told()]
    world.catalogue.end_access()
    assert await told(channel, levels(MUG=9)) == [Told()]
    assert world.troubles.calls[RENEW] == 3
    assert world.troubles.calls[ITEMS_BATCH] == 3


async def test_a_replaced_refresh_token_is_saved_and_used_by_the_next_process(world: World) -> None:
    first = world.open()
    await first.read(["MUG"])
    await first.close()
    assert world.saved == {
        "client_secret": CLIENT_SECRET,
        "refresh_token": world.catalogue.refresh_token,
        "access_token": "pina.1",
        "access_token_expires_at": str(START_MS // 1000 + ACCESS_S),
    }
    assert world.saved["refresh_token"] != FIRST_REFRESH
    second = world.open()
    await second.read(["MUG"])
    assert world.troubles.calls[RENEW] == 1
    world.catalogue.end_access()
    await second.read(["MUG"])
    await second.close()


async def test_renewed_access_is_saved_before_it_is_used_and_not_lost_when_saving_fails(world: World) -> None:
    channel = world.open()
    world.saves_fail = 2
    for _ in range(2):
        with pytest.raises(UnavailableError, match="the store is away"):
            await channel.read(["MUG"])
    assert READ not in world.troubles.calls
    assert await channel.read(["MUG"]) == [1]
    assert world.troubles.calls[RENEW] == 1
    assert world.saved["refresh_token"] == world.catalogue.refresh_token
    await channel.close()


async def test_a_refresh_token_that_is_not_replaced_is_kept(world: World, channel: PinterestChannel) -> None:
    world.catalogue.rotates = False
    await channel.read(["MUG"])
    assert world.saved["refresh_token"] == FIRST_REFRESH


async def test_a_lost_renewal_is_made_again_where_the_old_token_still_is_good(
    world: World, channel: PinterestChannel
) -> None:
    world.catalogue.rotates = False
    world.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.read(["MUG"])
    assert await channel.read(["MUG"]) == [1]


async def test_access_is_renewed_ahead_of_its_end(world: World, channel: PinterestChannel) -> None:
    await channel.read(["MUG"])
    world.now_ms = START_MS + (ACCESS_S - TOKEN_MARGIN_S - 1) * 1000
    await channel.read(["MUG"])
    assert world.troubles.calls[RENEW] == 1
    world.now_ms += 1000
    await channel.read(["MUG"])
    assert world.troubles.calls[RENEW] == 2


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
async def test_dead_access_is_gone_and_stays_secret(world: World, name: str) -> None:
    world.saved |= {name: "not-the-right-one", "access_token": "pina.ended"}
    channel = world.open()
    world.catalogue.adds = " " + " ".join(world.saved.values())
    with pytest.raises(ChannelGoneError, match="authorise it again") as gone:
        await channel.tell(levels(MUG=0))
    shown = f"{gone.value!r} {gone.value.message} {channel!r}"
    assert not any(secret in shown for secret in world.saved.values() if len(secret) > 1)
    await channel.close()


async def test_no_error_repeats_the_access_token(world: World, channel: PinterestChannel) -> None:
    world.catalogue.forbids = True
    world.catalogue.adds = " pina.1 pinr.1+/="
    with pytest.raises(ChannelGoneError) as gone:
        await channel.tell(levels(MUG=0))
    assert "pina" not in gone.value.message
    assert "pinr" not in gone.value.message


async def test_new_access_that_is_not_taken_is_gone(world: World, channel: PinterestChannel) -> None:
    await channel.read(["MUG"])
    world.now_ms += ACCESS_S * 1000 * 2
    world.catalogue.access_s = 0
    with pytest.raises(ChannelGoneError, match="authorise it again"):
        await channel.tell(levels(MUG=0))
    assert (world.troubles.calls[RENEW], world.troubles.calls[ITEMS_BATCH]) == (3, 2)


async def test_a_permission_that_was_taken_away_is_gone(world: World, channel: PinterestChannel) -> None:
    world.catalogue.forbids = True
    with pytest.raises(ChannelGoneError, match="catalogs:write"):
        await channel.tell(levels(MUG=0))


async def test_a_batch_that_is_not_taken_refuses_its_levels(world: World, channel: PinterestChannel) -> None:
    twice = levels(MUG=0) * 2
    answers = await channel.tell(twice)
    assert isinstance(answers, list)
    assert [isinstance(one, Refused) and not one.temporary for one in answers] == [True, True]
    assert world.catalogue.items["MUG"] == IN


async def test_rubbish_in_place_of_an_answer_leaves_everything_unknown(world: World, channel: PinterestChannel) -> None:
    world.catalogue.rotates = False
    world.catalogue.rubbish = 1
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.read(["MUG"])
    pending = await channel.tell(levels(MUG=0))
    assert isinstance(pending, Pending)
    world.catalogue.rubbish = 3
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.outcome(pending, levels(MUG=0))
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.read(["MUG"])
    with pytest.raises(ChannelDownError, match="cannot be read"):
        await channel.tell(levels(CUP=1))
    assert await channel.outcome(pending, levels(MUG=0)) == [Told()]
