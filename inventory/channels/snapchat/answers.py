"""What Snapchat's Marketing API answers about product feeds, read into ours. Pure.

https://developers.snap.com/api/marketing-api/Ads-API/dynamic-product-ads and the API's introduction. The fields of a
feed itself are not documented there; they are as three public programs agree on them.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.limits import SAID_CHARS
from inventory.channels.template import laid_over
from inventory.channels.unreadable import UNREADABLE, decoded

FEED_NAME: Final = "Showdrop"
"""What the feed is called over there."""

_SUCCESS: Final = "SUCCESS"


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Renewed access; ``refresh_token`` is there when the old one was replaced too."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Tokens(expires_in={self.expires_in})"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """From where a feed is fetched."""

    url: str | None = None


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A product feed; the name of each field but ``id`` may be missing."""

    id: str
    schedule: Schedule | None = None


class FeedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one feed of a call."""

    sub_request_status: str = _SUCCESS
    sub_request_error_reason: str | None = None
    product_feed: Feed | None = None


class _Paging(msgspec.Struct, frozen=True, kw_only=True):
    next_link: str | None = None


class Feeds(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a catalogue's feeds, or those that were made."""

    request_status: str
    product_feeds: list[FeedAnswer] = []
    paging: _Paging | None = None

    @property
    def next(self) -> str | None:
        """The cursor of the next page, None at the end; where the link leads does not matter."""
        link = self.paging.next_link if self.paging else None
        return parse_qs(urlsplit(link).query).get("cursor", [None])[-1] if link else None


class _Fault(msgspec.Struct, frozen=True, kw_only=True):
    display_message: str | None = None
    debug_message: str | None = None
    error: str | None = None
    error_description: str | None = None


_Form = TypeVar("_Form", Tokens, Feeds)


def read_answer(body: bytes, form: type[_Form]) -> _Form:
    """Read a successful answer; see ``decoded``."""
    return decoded(body, form, "Snapchat's answer")


def feed_at(feeds: Iterable[FeedAnswer], url: str) -> str | None:
    """Return the id of the feed that is fetched from an address; None if there is none."""
    for one in feeds:
        feed = one.product_feed
        if feed is not None and feed.schedule is not None and feed.schedule.url == url:
            return feed.id
    return None


def made(feeds: Feeds) -> str:
    """Return the id of the feed that was made; blank if Snapchat made none.

    Raises:
        ChannelDownError: it says neither.
    """
    if len(feeds.product_feeds) != 1:
        raise ChannelDownError(f"Snapchat answered about {len(feeds.product_feeds)} feeds, and was asked for one")
    [one] = feeds.product_feeds
    if feeds.request_status != _SUCCESS or one.sub_request_status != _SUCCESS:
        return ""
    if one.product_feed is None:
        raise ChannelDownError("Snapchat made a feed, and does not name it")
    return one.product_feed.id


def feed_body(catalog_id: str, *, url: str, currency: str, schedule: Mapping[str, object]) -> dict[str, object]:
    """Return what makes a feed; ``schedule`` is the merchant's own fields, ``url`` is written over them."""
    feed = {
        "catalog_id": catalog_id,
        "name": FEED_NAME,
        "default_currency": currency,
        "status": "ACTIVE",
        "schedule": laid_over(schedule, {"url": url}),
    }
    return {"product_feeds": [feed]}


def sentence(what: str, text: str) -> str:
    """Return one sentence with what Snapchat says about it, cut short; ``text`` is its answer without secrets."""
    try:
        fault = msgspec.json.decode(text, type=_Fault)
    except UNREADABLE:
        fault = _Fault()
    said = fault.display_message or fault.debug_message or fault.error_description or fault.error or _reason(text)
    return f"{what} (Snapchat: {' '.join(said.split())[:SAID_CHARS]})"


def _reason(text: str) -> str:
    try:
        feeds = msgspec.json.decode(text, type=Feeds).product_feeds
    except UNREADABLE:
        feeds = []
    reasons = (one.sub_request_error_reason for one in feeds)
    return next((reason for reason in reasons if reason), "it gives no reason")
