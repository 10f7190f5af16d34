"""Pinterest: whether the products of a catalogue can be bought, out and read back.

The API, version 5: https://developers.pinterest.com/docs/api/v5/, described by ``pinterest/api-description``. It knows
no quantities, only availability. A batch is taken at once and worked on later; what came of it is asked for by its id.
Updates of availability only: title, price and pictures come from the product feed.

A batch like one of a moment ago is skipped, and Pinterest does not say how it compares them. Where "sold out, back,
sold out" is told quickly, the third may be taken for the first. So after a skipped batch the catalogue is read.

Access tokens last a month and are renewed with a refresh token, which may be replaced each time. A replaced token that
was lost would lock the merchant out, so it is saved before anything is called with its access token (``access.py``).
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Pending,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.pinterest.answers import (
    Batch,
    Fault,
    Items,
    Tokens,
    answers_of,
    availability_of,
    fault_of,
    read_answer,
    sentence,
    shown,
)
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://api.pinterest.com/v5"

BATCH_SIZE: Final = 1_000
"""Items of one batch, and of one reading; both are the API's own limits."""

CALLS_PER_S: Final = 1.0
"""Calls per second. The limits per minute of the catalogue calls are shown to an app's owner only; all calls together
may be 100 a second. Each call says 1,000 items, so one a second, and as many questions after it, is ample."""

TOKEN_MARGIN_S: Final = 24 * 3_600
"""Access lasts about a month and is renewed so many seconds before its end: a day without renewing stops nothing."""

ITEM_ID_CHARS: Final = 127
"""Characters of an item's id in a Pinterest catalogue."""

_BATCH: Final = "/catalogs/items/batch"
_ITEMS: Final = "/catalogs/items"
_RENEW: Final = "/oauth/token"

_SETTINGS: Final = {
    "catalog_id": (re.compile(r"[0-9]{1,25}"), "a number"),
    "country": (re.compile(r"[A-Z]{2}"), "a country of two capital letters, such as US"),
    "language": (re.compile(r"[A-Za-z]{2}(-[A-Za-z0-9]{2,4})?"), "a language, such as en or en-US"),
    "client_id": (re.compile(r"[0-9]{1,25}"), "the app's id, a number"),
}
_SECRET_FORM: Final = (re.compile(r"[!-~]{1,2000}"), "1 to 2000 letters, digits and signs")
_SECRETS: Final = {
    "client_secret": _SECRET_FORM,
    "refresh_token": _SECRET_FORM,
    "access_token": (re.compile(r"[!-~]{0,2000}"), "up to 2000 letters, digits and signs"),
    "access_token_expires_at": (re.compile(r"[0-9]{1,11}"), "seconds since 1970, or 0 if that is not known"),
}
_NOT_KNOWN: Final = {"access_token": "", "access_token_expires_at": "0"}
_ITEM_ID: Final = re.compile(rf"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{{0,{ITEM_ID_CHARS - 2}}}[^\s\x00-\x1f\x7f])?")


class PinterestKind:
    """Sets up and opens catalogues.

    Settings: ``catalog_id``, ``country``, ``language``, ``client_id``; and as secrets ``client_secret``,
    ``refresh_token``, and if they are known ``access_token`` and ``access_token_expires_at`` (seconds since the epoch).
    Without those two, access is renewed at once.

    Args:
        base_url: of the API, with its version.
        clock_ms: the wall clock, for the end of access tokens.
    """

    def __init__(self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``; a catalogue has the merchant's own ids."""
        return "sku"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _ITEM_ID.fullmatch(item_id) is None:
            message = f"an item of Pinterest is the sku of the catalogue, 1 to {ITEM_ID_CHARS} characters on one line"
            raise InvalidError(message, field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - any items may go together
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        forms = _SETTINGS | _SECRETS
        unknown = sorted(set(settings) - set(forms))
        if unknown:
            raise InvalidError(f"a Pinterest channel has no setting {unknown[0]!r}", field=unknown[0])
        given = {**_NOT_KNOWN, **settings}
        for name, (pattern, form) in forms.items():
            if pattern.fullmatch(given.get(name, "")) is None:
                raise InvalidError(f"{name} has to be {form}", field=name)
        return Prepared(
            settings={name: given[name] for name in _SETTINGS}, secrets={name: given[name] for name in _SECRETS}
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "PinterestChannel":
        """See ``ChannelKind``."""
        return PinterestChannel(config, save, base_url=self._base_url, clock_ms=self._clock_ms)


class PinterestChannel:
    """One catalogue."""

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._settings = config.settings
        self._client_secret = config.secrets["client_secret"]
        self._clock_ms = clock_ms
        self._calls = ChannelCalls(base_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(batch_size=BATCH_SIZE, calls_per_s=CALLS_PER_S, tells="availability", reads=True)

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        """See ``Channel``."""
        items = [
            {
                "item_id": level.item_id,
                "operation": "UPDATE",
                "attributes": {"availability": availability_of(level.quantity)},
                # A name in here without a value in the attributes would be deleted.
                "update_mask": ["availability"],
            }
            for level in levels
        ]
        catalogue = {"catalog_type": "RETAIL", "catalog_id": self._settings["catalog_id"]}
        reply = await self._call("POST", _BATCH, {**catalogue, **self._market(), "items": items})
        if reply.status != HTTPStatus.OK:
            reason = sentence("Pinterest did not take the batch", self._fault(reply))
            return [Refused(reason=reason, temporary=False)] * len(levels)
        batch = read_answer(reply.body, Batch)
        if batch.created_time is None:
            return await self._seen(levels)
        if not batch.batch_id:
            raise ChannelDownError("Pinterest named no batch")
        return Pending(handle=batch.batch_id)

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        """See ``Channel``."""
        reply = await self._call("GET", f"{_BATCH}/{quote(pending.handle, safe='')}")
        if reply.status != HTTPStatus.OK:
            # It has forgotten the batch, with or without applying it.
            reason = sentence("Pinterest does not tell what came of the batch", self._fault(reply))
            return [Refused(reason=reason, temporary=True)] * len(levels)
        batch = read_answer(reply.body, Batch)
        if batch.status is None:
            raise ChannelDownError("Pinterest does not tell how far the batch is")
        return None if batch.status == "PROCESSING" else answers_of(batch, levels)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``."""
        filters = {
            "catalog_type": "RETAIL",
            "catalog_id": self._settings["catalog_id"],
            "item_ids": list(item_ids),
        }
        reply = await self._call("POST", _ITEMS, {**self._market(), "filters": filters})
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(sentence("Pinterest does not show the catalogue", self._fault(reply)))
        seen = shown(read_answer(reply.body, Items))
        return [seen.get(item_id) for item_id in item_ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _seen(self, levels: Sequence[Level]) -> list[Answer]:
        """Answer for a batch that was skipped, by what the catalogue shows."""
        later = Refused(reason="Pinterest skipped it as it was told the same a moment ago", temporary=True)
        seen = await self.read([level.item_id for level in levels])
        return [
            Told() if is_there == int(level.quantity > 0) else later
            for is_there, level in zip(seen, levels, strict=True)
        ]

    def _market(self) -> dict[str, str]:
        return {"country": self._settings["country"], "language": self._settings["language"]}

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Reply:
        """Make a call, and once more with a new access token if Pinterest does not take the first one."""
        content = None if body is None else msgspec.json.encode(body)
        reply = await self._send(method, path, content, await self._access.token())
        if reply.status == HTTPStatus.UNAUTHORIZED:
            reply = await self._send(method, path, content, await self._access.renewed())
        if reply.status == HTTPStatus.UNAUTHORIZED:
            what = "Pinterest takes no access token of this app; authorise it again"
            raise ChannelGoneError(sentence(what, self._fault(reply)))
        if reply.status == HTTPStatus.FORBIDDEN:
            what = "the app may not read and write this catalogue; authorise it with catalogs:read and catalogs:write"
            raise ChannelGoneError(sentence(what, self._fault(reply)))
        return reply

    async def _send(self, method: str, path: str, content: bytes | None, access_token: str) -> Reply:
        headers = {"authorization": f"Bearer {access_token}"}
        if content is not None:
            headers["content-type"] = "application/json"
        return await self._calls.call(method, path, headers=headers, body=content)

    async def _renew(self, refresh_token: str) -> Access:
        """Ask for new access.

        Raises:
            ChannelDownError: no answer.
            ChannelGoneError: the refresh token has ended, or the app's secret was changed.
        """
        pair = f"{self._settings['client_id']}:{self._client_secret}"
        headers = {
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token})
        asked_at_s = self._clock_ms() // 1000
        reply = await self._calls.call("POST", _RENEW, headers=headers, body=body.encode())
        if reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            what = "Pinterest does not renew the access of this app; authorise it again"
            raise ChannelGoneError(sentence(what, self._fault(reply)))
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(f"POST {_RENEW}: answered {reply.status}")
        tokens = read_answer(reply.body, Tokens)
        if not tokens.access_token:
            raise ChannelDownError("Pinterest renewed the access and told no token")
        return Access(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or refresh_token,
            expires_at_s=asked_at_s + tokens.expires_in,
        )

    def _fault(self, reply: Reply) -> Fault:
        """Read why a call was refused, without our secrets, should it repeat them."""
        return fault_of(self._access.hide(reply.body.decode(errors="replace")).encode())
