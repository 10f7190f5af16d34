"""The channel that is never called: a platform fetches a product feed from us, whenever it likes.

Every fetch is answered with the levels of that moment (``feeds_pg.py``), so a level is told as soon as it is there to
be fetched, which is at once. ``tell`` says so and calls nobody: ``told`` and the lag of such a channel speak of what
its address shows. When the platform looks is the platform's own schedule, and nothing here knows of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from inventory.channels.channel import (
    BY_SKU,
    Answer,
    Capabilities,
    ChannelConfig,
    Level,
    Prepared,
    SaveSecrets,
    Told,
)
from inventory.channels.feeds import BRAND_CHARS, FORMATS, PLACEHOLDER
from kit.errors import InvalidError

BATCH: Final = 1_000
"""Levels that are noted as told at a time: one statement."""

NOTES_PER_S: Final = 20.0
"""Such statements per second: ten thousand changed SKUs are in step within half a second."""

TEMPLATE_CHARS: Final = 400
"""Characters of a template: Pinterest takes addresses of 511, and a SKU has up to 100."""

CONDITIONS: Final = ("new", "refurbished", "used")
"""The conditions of goods that every platform knows."""

_SETTINGS: Final = ("format", "link_template", "image_template", "brand", "condition")
_URL: Final = re.compile(r"[!-~]+")


class FeedKind:
    """Sets up feeds; settings: ``format`` and ``link_template``.

    If wanted also ``image_template``, ``brand`` and ``condition``. A template is an address with ``{sku}``,
    ``{product_id}`` or ``{product_key}`` in it.
    """

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return BY_SKU

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``; every SKU is one."""

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; all may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. There is no secret: the token of its address is worked out, not stored."""
        given = {name: text.strip() for name, text in settings.items() if text.strip()}
        unknown = sorted(set(settings) - set(_SETTINGS))
        if unknown:
            raise InvalidError(f"a feed has no setting {unknown[0]!r}", field=unknown[0])
        if given.get("format") not in FORMATS:
            raise InvalidError(f"format must be one of {', '.join(sorted(FORMATS))}", field="format")
        check_template("link_template", given.get("link_template", ""))
        if "image_template" in given:
            check_template("image_template", given["image_template"])
        if len(given.get("brand", "")) > BRAND_CHARS:
            raise InvalidError(f"brand must have at most {BRAND_CHARS} characters", field="brand")
        if given.get("condition", CONDITIONS[0]) not in CONDITIONS:
            raise InvalidError(f"condition must be one of {', '.join(CONDITIONS)}", field="condition")
        return Prepared(settings=given, secrets={})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "FeedChannel":
        """See ``ChannelKind``. There is nothing to connect to."""
        del config, save
        return FeedChannel()


class FeedChannel:
    """One feed."""

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``. Reading it back would hold rows of ours against themselves."""
        return Capabilities(batch_size=BATCH, calls_per_s=NOTES_PER_S)

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. From the moment that a level is in Postgres, the address shows it."""
        return [Told()] * len(levels)

    async def close(self) -> None:
        """See ``Channel``; it has nothing to give up."""


def check_template(name: str, text: str) -> None:
    """Check a template of addresses; ``name`` is the setting's.

    Raises:
        InvalidError: it is no address, names no item, or holds a placeholder that there is not.
    """
    known = ", ".join(("{sku}", "{product_id}", "{product_key}"))
    bare = PLACEHOLDER.sub("", text)
    if _URL.fullmatch(text) is None or len(text) > TEMPLATE_CHARS:
        raise InvalidError(
            f"{name} must be 1 to {TEMPLATE_CHARS} ASCII characters without blanks, "
            "such as https://shop.example/p/{sku}",
            field=name,
        )
    if "{" in bare or "}" in bare or bare == text:
        raise InvalidError(f"{name} must hold one of {known}, and nothing else in braces", field=name)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidError(f"{name} is not an address", field=name) from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or "@" in parts.netloc or "{" in parts.netloc:
        raise InvalidError(
            f"{name} must start with https:// or http:// and a host, without a user name or a placeholder in it",
            field=name,
        )
