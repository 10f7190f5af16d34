"""Access that ends and is renewed with a token that changes each time; for the channels whose access is like that.

Whoever renews gets a new refresh token, and the old one is worth nothing from then on. So a renewal that was begun is
waited for and stored even when its caller is cancelled: a lost one locks the merchant out.

Pure but for waiting: the channel makes the call.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError, SaveSecrets
from inventory.channels.hiding import hidden
from inventory.channels.settings import Setting

RETRY_S: Final = 60
"""Seconds between two tries to renew access that has not ended yet; in between it is used as it is."""

EXPIRES_AT: Final = "access_token_expires_at"
"""The name of the setting that says when access ends; without it, access is renewed at once."""

EXPIRES_AT_SETTING: Final = Setting(
    pattern=re.compile(r"[0-9]{1,11}"), form="seconds since 1970, or 0 if that is not known", secret=True, default="0"
)
"""For the table of a kind's settings."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What a renewal brought. ``expires_at_s`` is seconds since the epoch."""

    access_token: str
    refresh_token: str
    expires_at_s: int

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Access(expires_at_s={self.expires_at_s})"


class RenewedAccess:
    """The access to one channel.

    Args:
        secrets: the channel's; ``access_token``, ``refresh_token`` and ``access_token_expires_at`` (seconds since the
            epoch, 0 where it is not known) are replaced, all others kept.
        save: stores the secrets.
        renew: asks the channel for new access with a refresh token. Raises as ``Channel.tell`` does.
        margin_s: access is renewed so long before its end.
        clock_ms: the wall clock.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        save: SaveSecrets,
        renew: Callable[[str], Awaitable[Access]],
        *,
        margin_s: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._secrets = dict(secrets)
        self._unsaved: dict[str, str] | None = None
        self._save = save
        self._renew = renew
        self._margin_s = margin_s
        self._clock_ms = clock_ms
        self._not_before_s = 0
        self._one_at_a_time = asyncio.Lock()

    async def token(self) -> str:
        """Return an access token that has not ended, as far as we know."""
        async with self._one_at_a_time:
            return await self._token()

    async def renewed(self, ended: str) -> str:
        """Return another access token after the channel said that one has ended, although it should not have.

        Whoever comes second, with the same one, gets what the first has renewed.
        """
        async with self._one_at_a_time:
            if self._unsaved is not None:
                await self._finish(self._store(self._unsaved))
            if self._secrets["access_token"] != ended:
                return self._secrets["access_token"]
            return await self._renewed()

    async def _token(self) -> str:
        if self._unsaved is not None:
            await self._finish(self._store(self._unsaved))
        now_s = self._clock_ms() // 1000
        ends_s = int(self._secrets[EXPIRES_AT])
        if now_s < ends_s and (now_s < ends_s - self._margin_s or now_s < self._not_before_s):
            return self._secrets["access_token"]
        self._not_before_s = now_s + RETRY_S
        try:
            return await self._renewed()
        except ChannelDownError:
            if now_s >= ends_s:
                raise
            return self._secrets["access_token"]

    async def _renewed(self) -> str:
        await self._finish(self._renew_and_store())
        return self._secrets["access_token"]

    def hide(self, text: str) -> str:
        """Return a text of the channel's without our secrets, should it repeat them."""
        return hidden(text, self._secrets.values())

    async def _renew_and_store(self) -> None:
        access = await self._renew(self._secrets["refresh_token"])
        await self._store(
            self._secrets
            | {
                "access_token": access.access_token,
                "refresh_token": access.refresh_token,
                EXPIRES_AT: str(access.expires_at_s),
            }
        )

    async def _store(self, secrets: dict[str, str]) -> None:
        # Kept here until it is stored: the refresh token that it replaces is already worth nothing.
        self._unsaved = secrets
        await self._save(secrets)
        self._secrets, self._unsaved = secrets, None

    @staticmethod
    async def _finish(work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # Both the call and the save end in bounded time; who stops us may cancel again meanwhile.
            while not task.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise
