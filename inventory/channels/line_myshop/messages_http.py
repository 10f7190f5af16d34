"""Sending messages to those who follow a shop's LINE official account, by the Messaging API."""

from http import HTTPStatus
from typing import Final

import msgspec

from inventory.channels.announcing import Announcement
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import Refused, Told
from inventory.channels.hiding import hidden
from inventory.channels.limits import SAID_CHARS
from inventory.channels.line_myshop.flex import sendings
from inventory.channels.unreadable import UNREADABLE

REAL_MESSAGING_URL: Final = "https://api.line.me"


class LineMessages:
    """An official account.

    Args:
        base_url: where the Messaging API is.
        token: a long-lived channel access token; blank: it was not given, and nothing can be sent.
        to: whom to send to, with commas between; blank: everybody who follows the account.
    """

    def __init__(self, *, base_url: str, token: str, to: str) -> None:
        self._calls = ChannelCalls(base_url)
        self._token = token
        self._to = to.split(",") if to else []

    async def announce(self, announcement: Announcement) -> Told | Refused:
        """See ``Announces``. What one recipient refuses, the others get; a token that has ended stops no levels."""
        if not self._token:
            return Refused(
                reason="this LINE MyShop has no messaging_token: messages are sent by an official account's own token",
                temporary=False,
            )
        refused: list[Refused] = []
        for sending in sendings(announcement, self._to):
            headers = {
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json",
                "x-line-retry-key": str(sending.retry_key),
            }
            reply = await self._calls.call("POST", sending.path, headers=headers, body=sending.body)
            # 409: a try before this one arrived, though its answer did not.
            if reply.status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
                refused.append(self._refusal(reply))
        return refused[0] if refused else Told()

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    def _refusal(self, reply: Reply) -> Refused:
        try:
            error = msgspec.json.decode(reply.body, type=_Error)
        except UNREADABLE:
            error = _Error()
        said = "; ".join([error.message, *(f"{one.property}: {one.message}" for one in error.details or [])])
        said = hidden(said, [self._token])[:SAID_CHARS]
        return Refused(reason=f"LINE refused the message ({reply.status}): {said}", temporary=False)


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    property: str = ""


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str = ""
    details: list[_Detail] | None = None
