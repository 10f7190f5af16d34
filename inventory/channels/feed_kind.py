"""The channel that is never called: a platform fetches a product feed from us, whenever it likes.

Every fetch is answered with the levels of that moment (``feeds_pg.py``), so a level is told as soon as it is there to
be fetched, which is at once. ``tell`` says so and calls nobody: ``told`` and the lag of such a channel speak of what
its address shows. When the platform looks is the platform's own schedule, and nothing here knows of it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

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
from inventory.channels.feeds import FORMATS
from inventory.channels.product_addresses import ADDRESSES, check_templates
from inventory.channels.settings import Setting, checked

BATCH: Final = 1_000
"""Levels that are noted as told at a time: one statement."""

NOTES_PER_S: Final = 20.0
"""Such statements per second: ten thousand changed SKUs are in step within half a second."""

SETTINGS: Final = {
    "format": Setting(pattern=re.compile("|".join(FORMATS)), form=f"one of {', '.join(sorted(FORMATS))}"),
    **ADDRESSES,
}


class FeedKind:
    """Sets up feeds; settings: ``format`` and ``link_template``.

    If wanted also ``image_template``, ``brand`` and ``condition``; what is blank is left out.
    """

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
        """See ``ChannelKind``. There is no secret: the token of its address is worked out, not stored."""
        given = {name: text.strip() for name, text in settings.items()}
        prepared = checked(
            {name: text for name, text in given.items() if text or name not in SETTINGS}, SETTINGS, whose="a feed"
        )
        check_templates(prepared.settings)
        return prepared

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
