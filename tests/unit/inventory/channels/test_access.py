"""Access is renewed in time, and a renewed one is stored before it is used, whatever happens meanwhile."""

import asyncio
from collections.abc import Mapping

import pytest

from inventory.channels.access import RETRY_S, Access, RenewedAccess
from inventory.channels.channel import ChannelDownError

NOW_S = 1_000_000
MARGIN_S = 600


class Shop:
    """Renews as often as it is asked with the right token; keeps what was saved."""

    def __init__(self, *, ends_in_s: int) -> None:
        self.now_s = NOW_S
        self.renewals = 0
        self.saved: list[dict[str, str]] = []
        self.is_down = False
        self.cannot_save = False
        self.answers = asyncio.Event()
        self.answers.set()
        secrets = {
            "app_secret": "the-app-secret",
            "access_token": "access-0",
            "refresh_token": "refresh-0",
            "access_token_expires_at": str(NOW_S + ends_in_s),
        }
        self.access = RenewedAccess(
            secrets, self.save, self.renew, margin_s=MARGIN_S, clock_ms=lambda: self.now_s * 1000
        )

    async def renew(self, refresh_token: str) -> Access:
        if self.is_down:
            raise ChannelDownError("no answer")
        assert refresh_token == f"refresh-{self.renewals}"
        self.renewals += 1
        await self.answers.wait()
        return Access(
            access_token=f"access-{self.renewals}",
            refresh_token=f"refresh-{self.renewals}",
            expires_at_s=self.now_s + 10_000,
        )

    async def save(self, secrets: Mapping[str, str]) -> None:
        if self.cannot_save:
            raise OSError("the database is gone")
        self.saved.append(dict(secrets))


@pytest.mark.parametrize(
    ("ends_in_s", "token"),
    [
        (MARGIN_S + 1, "access-0"),
        (MARGIN_S, "access-1"),
        (1, "access-1"),
        (0, "access-1"),
        (-NOW_S, "access-1"),
    ],
)
async def test_access_is_renewed_ahead_of_its_end(ends_in_s: int, token: str) -> None:
    shop = Shop(ends_in_s=ends_in_s)
    assert await shop.access.token() == token
    assert await shop.access.token() == token


async def test_all_secrets_are_saved_together() -> None:
    shop = Shop(ends_in_s=0)
    await shop.access.token()
    assert shop.saved == [
        {
            "app_secret": "the-app-secret",
            "access_token": "access-1",
            "refresh_token": "refresh-1",
            "access_token_expires_at": str(NOW_S + 10_000),
        }
    ]


async def test_access_that_has_not_ended_is_used_while_it_cannot_be_renewed() -> None:
    shop = Shop(ends_in_s=MARGIN_S // 2)
    shop.is_down = True
    assert await shop.access.token() == "access-0"
    shop.is_down = False
    assert await shop.access.token() == "access-0"
    shop.now_s += RETRY_S
    assert await shop.access.token() == "access-1"


async def test_access_that_has_ended_is_not_used() -> None:
    shop = Shop(ends_in_s=0)
    shop.is_down = True
    for _ in range(2):
        with pytest.raises(ChannelDownError):
            await shop.access.token()


async def test_renewed_access_is_not_used_and_not_lost_while_it_cannot_be_saved() -> None:
    shop = Shop(ends_in_s=0)
    shop.cannot_save = True
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await shop.access.token()
    shop.cannot_save = False
    assert await shop.access.token() == "access-1"
    assert shop.renewals == 1
    assert shop.saved[0]["refresh_token"] == "refresh-1"


async def test_a_renewal_that_has_begun_is_saved_although_its_caller_is_cancelled() -> None:
    shop = Shop(ends_in_s=0)
    shop.answers.clear()
    caller = asyncio.create_task(shop.access.token())
    while shop.renewals == 0:
        await asyncio.sleep(0)
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    shop.answers.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert shop.saved[0]["refresh_token"] == "refresh-1"


async def test_secrets_are_hidden_in_a_text_and_not_shown() -> None:
    shop = Shop(ends_in_s=MARGIN_S * 2)
    assert shop.access.hide("access-0 of the-app-secret has ended") == "… of … has ended"
    assert "refresh" not in repr(Access(access_token="access", refresh_token="refresh", expires_at_s=1))


async def test_two_calls_whose_access_ended_bring_one_new_one() -> None:
    shop = Shop(ends_in_s=10_000)
    first, second = await asyncio.gather(shop.access.renewed("access-0"), shop.access.renewed("access-0"))
    assert (first, second, shop.renewals) == ("access-1", "access-1", 1)
    assert await shop.access.renewed("access-1") == "access-2"
