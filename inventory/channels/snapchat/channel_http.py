"""Snapchat: a product feed that Snapchat fetches from us, and the call that tells Snapchat where it is.

Snapchat takes no levels, only feeds, and fetches them on a schedule of its own. So the first telling makes sure that
the catalogue has a feed with our address: one that is there is used, also one whose making was never answered. From
then on a level is told as soon as our address shows it (``feed_kind.py``), and Snapchat is not called any more.

The address has a token in it, which is all that is needed to read the feed; it is told to Snapchat only.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from inventory.channels.channel import (
    BY_SKU,
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    Level,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.feed_kind import BATCH, NOTES_PER_S
from inventory.channels.feeds import SNAPCHAT
from inventory.channels.product_addresses import ADDRESSES, check_templates
from inventory.channels.settings import Setting, checked, secret
from inventory.channels.snapchat.answers import Feeds, feed_at, feed_body, made, read_answer
from inventory.channels.snapchat.calls_http import SnapchatCalls
from inventory.channels.template import read_template
from kit.clock import now_ms
from kit.errors import InvalidError
from kit.money import known_currency

REAL_URL: Final = "https://adsapi.snapchat.com/v1"
REAL_AUTH_URL: Final = "https://accounts.snapchat.com/login/oauth2"

FEEDS_LISTED: Final = 100
"""Feeds in one page of their list."""

PAGES_MOST: Final = 10
"""Pages of that list that are looked through; a catalogue has a few feeds."""

SCHEDULE: Final = "schedule"
"""The setting with Snapchat's own fields of a schedule: how often, and when. They are not documented in public."""

FEED_ID: Final = "feed_id"
"""The secret that remembers the feed over there; blank until there is one."""

_SECRET: Final = secret(1, 2000)
SETTINGS: Final = {
    "catalog_id": Setting(pattern=re.compile(r"[0-9A-Za-z-]{1,64}"), form="the id of a catalogue"),
    "client_id": Setting(pattern=re.compile(r"[!-~]{1,200}"), form="the app's client id"),
    "client_secret": _SECRET,
    "refresh_token": _SECRET,
    "api_url": Setting(
        pattern=re.compile(r"https?://[!-~]{1,200}"),
        form="the public https address of this API, such as https://api.shop.example, without a slash at its end",
    ),
    "default_currency": Setting(pattern=re.compile(r"[A-Z]{3}"), form="a currency of three capital letters"),
    SCHEDULE: Setting(
        pattern=re.compile(r"\{.*\}", re.DOTALL), form="a JSON object with Snapchat's own fields", default="{}"
    ),
    **ADDRESSES,
}
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_UNKNOWN_ACCESS: Final = {"access_token": "", "access_token_expires_at": "0", FEED_ID: ""}


class SnapchatKind:
    """Sets up and opens catalogues.

    Settings: ``catalog_id``, ``client_id``, ``client_secret`` (secret), ``refresh_token`` (secret), ``api_url``,
    ``default_currency``, ``link_template``; if wanted also ``schedule``, ``image_template``, ``brand``, ``condition``.

    Args:
        feed_path: the path of a channel's feed at our API, with its token, by the channel's id.
        base_url: of Snapchat's API, with its version.
        auth_url: where access is renewed.
        clock_ms: the wall clock, for the end of access tokens.
    """

    def __init__(
        self,
        *,
        feed_path: Callable[[str], str],
        base_url: str = REAL_URL,
        auth_url: str = REAL_AUTH_URL,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._feed_path = feed_path
        self._base_url = base_url
        self._auth_url = auth_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return BY_SKU

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``; every SKU is one."""

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; all may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. The feed's format is added to the settings: our API serves it by them."""
        prepared = checked(settings, SETTINGS, whose="a Snapchat channel")
        check_templates(prepared.settings)
        _check_api_url(prepared.settings["api_url"])
        try:
            known_currency(prepared.settings["default_currency"])
        except InvalidError as error:
            raise InvalidError(error.message, field="default_currency") from None
        _schedule(prepared.settings)
        return Prepared(
            settings={**prepared.settings, "format": SNAPCHAT}, secrets={**prepared.secrets, **_UNKNOWN_ACCESS}
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "SnapchatChannel":
        """See ``ChannelKind``."""
        url = config.settings["api_url"] + self._feed_path(config.channel_id)
        return SnapchatChannel(
            config, save, feed_url=url, base_url=self._base_url, auth_url=self._auth_url, clock_ms=self._clock_ms
        )


class SnapchatChannel:
    """One catalogue with our feed in it."""

    def __init__(
        self,
        config: ChannelConfig,
        save: SaveSecrets,
        *,
        feed_url: str,
        base_url: str,
        auth_url: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._settings = config.settings
        self._feed_url = feed_url
        self._secrets = dict(config.secrets)
        self._save = save
        self._one_looks = asyncio.Lock()
        self._calls = SnapchatCalls(
            config.settings["client_id"],
            config.secrets,
            self._save_access,
            feed_token=feed_url.rpartition("/")[2].partition(".")[0],
            base_url=base_url,
            auth_url=auth_url,
            clock_ms=clock_ms,
        )

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``. Reading it back would hold rows of ours against themselves."""
        return Capabilities(batch_size=BATCH, calls_per_s=NOTES_PER_S)

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Once Snapchat knows our address, it shows a level as soon as that is in Postgres."""
        async with self._one_looks:
            refused = None if self._secrets.get(FEED_ID) else await self._make_known()
        return [refused or Told()] * len(levels)

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _make_known(self) -> Refused | None:
        """Find or make the feed over there, and remember it; return why Snapchat made none, if so."""
        path = f"/catalogs/{self._settings['catalog_id']}/product_feeds"
        feed_id = await self._find(path)
        if feed_id is None:
            body = feed_body(
                self._settings["catalog_id"],
                url=self._feed_url,
                currency=self._settings["default_currency"],
                schedule=_schedule(self._settings),
            )
            reply = await self._calls.call("POST", path, body=body)
            feed_id = made(read_answer(reply.body, Feeds)) if reply.status == HTTPStatus.OK else ""
            if not feed_id:
                return Refused(reason=self._calls.said("Snapchat made no product feed", reply), temporary=False)
        await self._save_access(self._secrets | {FEED_ID: feed_id})
        return None

    async def _find(self, path: str) -> str | None:
        params = {"limit": str(FEEDS_LISTED)}
        for _ in range(PAGES_MOST):
            reply = await self._calls.call("GET", path, params=params)
            if reply.status != HTTPStatus.OK:
                raise ChannelDownError(self._calls.said("Snapchat does not list the catalogue's feeds", reply))
            page = read_answer(reply.body, Feeds)
            feed_id = feed_at(page.product_feeds, self._feed_url)
            if feed_id is not None or page.next is None:
                return feed_id
            params["cursor"] = page.next
        raise ChannelDownError(f"the catalogue's list of feeds goes on after {PAGES_MOST} pages")

    async def _save_access(self, secrets: Mapping[str, str]) -> None:
        """Store secrets; also those that were renewed meanwhile, for which ``RenewedAccess`` calls."""
        await self._save(secrets)
        self._secrets = dict(secrets)


def _schedule(settings: Mapping[str, str]) -> dict[str, object]:
    try:
        return read_template(settings.get(SCHEDULE, "{}"))
    except InvalidError:
        raise InvalidError(f"{SCHEDULE} has to be {SETTINGS[SCHEDULE].form}", field=SCHEDULE) from None


def _check_api_url(text: str) -> None:
    """Check the address of our API: who reads along on the way could read the feed, unless it stays on this machine.

    Raises:
        InvalidError: it is no such address.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    good = host and port != 0 and "@" not in parts.netloc and not parts.query and not parts.fragment
    if not good or text.endswith(("/", "?", "#")) or (parts.scheme == "http" and host not in _THIS_MACHINE):
        raise InvalidError(f"api_url has to be {SETTINGS['api_url'].form}", field="api_url")
