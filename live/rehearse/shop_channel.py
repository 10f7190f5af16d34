"""A channel of the shop as the API lists it, and whether a rehearsal waits for it before it begins. Pure."""

from typing import Final, Literal

import msgspec

from live.rehearse.limits import CHANNELS_FAILING_S, CHANNELS_LINKING_S, CHANNELS_SETTLE_S

OWN_NAME: Final = "rehearsal"
"""What a rehearsal calls its own channel, a webhook."""


class ShopChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``GET /v1/channels``.

    Attributes:
        lag_ms: age of the oldest change that it was not told, 0 when there is none.
        behind: SKUs with such a change.
        unlinked: SKUs of which nobody has said yet which of its items they are.
        last_error: of its last call.
    """

    channel_id: str
    kind: str
    name: str
    state: Literal["active", "paused"]
    lag_ms: int
    behind: int
    unlinked: int
    last_error: str | None

    @property
    def is_rehearsals(self) -> bool:
        """Whether an earlier rehearsal left it behind."""
        return (self.kind, self.name) == ("webhook", OWN_NAME)

    @property
    def in_step(self) -> bool:
        """Whether it was told all that there is."""
        return self.state == "active" and self.behind == 0 and self.last_error is None

    def is_awaited(self, waited_s: float) -> bool:
        """Return whether to wait for it to be told what changed before the waiting began, so long ago.

        Until it is, its calls tell of a catalogue that was imported a moment ago, say, and not of the show; and they
        take the place of those that do. What a shop goes on to sell in the meantime is not waited for.
        """
        if self.state != "active" or self.is_rehearsals:
            return False
        if self.behind and self.lag_ms >= 1000 * waited_s:
            return waited_s < (CHANNELS_SETTLE_S if self.last_error is None else CHANNELS_FAILING_S)
        return self.unlinked > 0 and waited_s < CHANNELS_LINKING_S


class ShopChannels(msgspec.Struct, frozen=True):
    """The answer of ``GET /v1/channels``."""

    items: tuple[ShopChannel, ...]
