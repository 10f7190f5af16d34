"""Messages: each goes out once, or not at all when it is no news any more."""

import asyncio

import pytest

from inventory.channels.announcements_pg import AnnouncedAt, Announcements
from inventory.channels.announcing import Announcement
from inventory.channels.channel import Capabilities, ChannelDownError, Refused, Told, UnknownChannelError
from inventory.channels.channels_pg import Channels
from kit.clock import now_ms
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import VAULT, Shelf, start_sync

MESSAGE = Announcement(
    announcement_id="offer_1", title="Mug", text="Now!", price="5.00 EUR", link="https://shop.example/", image=None
)
CAN = Capabilities(batch_size=50, calls_per_s=1_000, calls_at_once=1_000)


class Crier(Shelf):
    """Sends messages; ``answers`` are what it says to the next ones."""

    announces = True

    def __init__(self) -> None:
        super().__init__(CAN)
        self.sent: list[Announcement] = []
        self.answers: list[Refused | ChannelDownError] = []

    async def announce(self, announcement: Announcement) -> Told | Refused:
        self.sent.append(announcement)
        answer = self.answers.pop(0) if self.answers else Told()
        if isinstance(answer, ChannelDownError):
            raise answer
        return answer


async def sent(postgres: Postgres, crier: Crier, *, until_ms: int, state: str) -> AnnouncedAt:
    """Announce at a channel, and wait until its message is of a state."""
    channels = Channels(postgres, {"shelf": crier}, VAULT)
    channel_id = (await channels.create("shelf", name="Crier", settings={})).channel_id
    announcements = Announcements(postgres, ["shelf"])
    tasks = start_sync(postgres, channels, crier)
    said: AnnouncedAt | None = None
    try:
        for _ in range(500):
            (said,) = await announcements.announce(MESSAGE, until_ms=until_ms, channel_ids=[channel_id])
            if said.state == state:
                return said
            await asyncio.sleep(0.01)
    finally:
        await tasks.stop()
    pytest.fail(f"it did not come to that: {said}")


@pytest.fixture
def crier(monkeypatch: pytest.MonkeyPatch) -> Crier:
    monkeypatch.setattr("inventory.channels.announcements_loop.ANNOUNCEMENTS_PER_S", 1_000)
    return Crier()


async def test_a_message_is_sent_once_however_often_it_is_asked_for(postgres: Postgres, crier: Crier) -> None:
    crier.answers = [ChannelDownError("closed"), Refused(reason="later", temporary=True)]
    await sent(postgres, crier, until_ms=now_ms() + 60_000, state="sent")
    assert crier.sent == [MESSAGE] * 3


async def test_what_the_channel_refuses_for_good_is_not_sent_again(postgres: Postgres, crier: Crier) -> None:
    crier.answers = [Refused(reason="no followers", temporary=False)]
    said = await sent(postgres, crier, until_ms=now_ms() + 60_000, state="refused")
    assert said.last_error == "no followers"
    assert len(crier.sent) == 1


async def test_an_offer_that_is_over_is_not_announced(postgres: Postgres, crier: Crier) -> None:
    await sent(postgres, crier, until_ms=now_ms() - 1, state="too_late")
    assert not crier.sent


async def test_only_channels_that_can_are_asked(postgres: Postgres, crier: Crier) -> None:
    channels = Channels(postgres, {"shelf": crier}, VAULT)
    channel_id = (await channels.create("shelf", name="Crier", settings={})).channel_id
    asked = Announcements(postgres, ["another"])
    assert await asked.announce(MESSAGE, until_ms=now_ms() + 60_000, channel_ids=[channel_id]) == []
    await channels.pause(channel_id)
    asked = Announcements(postgres, ["shelf"])
    assert await asked.announce(MESSAGE, until_ms=now_ms() + 60_000) == []


async def test_a_channel_that_there_is_not_is_named_and_nothing_is_sent(postgres: Postgres, crier: Crier) -> None:
    channels = Channels(postgres, {"shelf": crier}, VAULT)
    channel_id = (await channels.create("shelf", name="Crier", settings={})).channel_id
    asked = Announcements(postgres, ["shelf"])
    with pytest.raises(UnknownChannelError, match="chan_none"):
        await asked.announce(MESSAGE, until_ms=now_ms() + 60_000, channel_ids=[channel_id, "chan_none"])
    assert await asked.announce(MESSAGE, until_ms=now_ms() + 60_000, channel_ids=[]) == []
