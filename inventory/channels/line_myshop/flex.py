"""A message about an offer, as the LINE Messaging API takes it, and who gets it in which call. Pure.

The shapes are those of ``messaging-api.yml`` in line/line-openapi. A call carries a retry key: LINE keeps it for 24
hours and sends nothing twice under the same. It is made of the announcement and of those who get it, so every try of
the same call has the same key.
"""

from collections.abc import Sequence
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from inventory.channels.announcing import Announcement

MULTICAST_MOST: Final = 500
"""Users in one call: LINE's limit."""

ALT_TEXT_CHARS: Final = 400
"""Characters of what is shown instead of the message, in notifications; LINE counts UTF-16 units."""

IMAGE_CHARS: Final = 2_000
"""Characters of an image's address: LINE's limit. A longer one is left out."""

BUTTON: Final = "ซื้อเลย · Buy now"
"""What the button says; MyShops are in Thailand."""

_BASE: Final = "/v2/bot/message"
_RETRY_KEYS: Final = uuid5(NAMESPACE_URL, "https://api.line.me/v2/bot/message")


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    path: str
    retry_key: UUID
    body: bytes


def sendings(announcement: Announcement, to: Sequence[str]) -> list[Sending]:
    """Return the calls for an announcement.

    Args:
        announcement: what is said.
        to: ids of users (U…), groups (C…) and rooms (R…); none: everybody who follows the account. Only users can be
            told many at a time.
    """
    if not to:
        return [_sending(announcement, "broadcast", ())]
    everybody = list(dict.fromkeys(to))
    users = [one for one in everybody if one.startswith("U")]
    alone = [one for one in everybody if not one.startswith("U")]
    if len(users) == 1:
        alone, users = everybody, []
    many = [users[start : start + MULTICAST_MOST] for start in range(0, len(users), MULTICAST_MOST)]
    return [
        *(_sending(announcement, "multicast", some) for some in many),
        *(_sending(announcement, "push", (one,)) for one in alone),
    ]


def flex_message(announcement: Announcement) -> dict[str, object]:
    """Return a bubble: the image, if it has a secure address, title, text, price, and a button with the link."""
    shown: list[dict[str, str | bool]] = [
        {"type": "text", "text": announcement.title or announcement.link, "weight": "bold", "size": "xl", "wrap": True},
        {"type": "text", "text": announcement.text, "size": "md", "wrap": True, "margin": "md"},
        {"type": "text", "text": announcement.price, "weight": "bold", "size": "lg", "margin": "md"},
    ]
    action = {"type": "uri", "label": BUTTON, "uri": announcement.link}
    bubble: dict[str, object] = {
        "type": "bubble",
        # An empty text is refused, and the whole message with it.
        "body": {"type": "box", "layout": "vertical", "contents": [one for one in shown if one["text"]]},
        "footer": {
            "type": "box",
            "layout": "vertical",
            "contents": [{"type": "button", "style": "primary", "action": action}],
        },
    }
    image = announcement.image or ""
    if image.startswith("https://") and len(image) <= IMAGE_CHARS:
        bubble["hero"] = {"type": "image", "url": image, "size": "full", "aspectRatio": "20:13", "aspectMode": "cover"}
    summary = " · ".join(one for one in (announcement.title, announcement.price) if one)
    return {"type": "flex", "altText": _cut(summary or announcement.link, ALT_TEXT_CHARS), "contents": bubble}


def _sending(announcement: Announcement, verb: str, to: Sequence[str]) -> Sending:
    body: dict[str, object] = {"messages": [flex_message(announcement)]}
    if to:
        body["to"] = to[0] if verb == "push" else list(to)
    return Sending(
        path=f"{_BASE}/{verb}",
        retry_key=uuid5(_RETRY_KEYS, " ".join((announcement.announcement_id, verb, *to))),
        body=msgspec.json.encode(body),
    )


def _cut(text: str, most: int) -> str:
    units = text.encode("utf-16-le")
    return text if len(units) <= 2 * most else units[: 2 * (most - 1)].decode("utf-16-le", errors="ignore") + "…"
