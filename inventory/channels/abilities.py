"""What a channel can do beside being told levels: found out from the channel itself, without calling anybody."""

from collections.abc import Mapping

import msgspec

from inventory.channels.announcing import Announces
from inventory.channels.channel import ChannelConfig, ChannelKind
from inventory.channels.publishing import Lists, Publishes
from inventory.channels.selling import Cancels, Sells


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of the port a channel fills.

    Attributes:
        sells: has orders, as it is set up.
        cancels: lets its orders be cancelled from here.
        publishes: takes products.
        lists: says which items it has.
        announces: can send messages, if it is set up for that.
    """

    sells: bool
    cancels: bool
    publishes: bool
    lists: bool
    announces: bool


async def abilities(kind: ChannelKind, config: ChannelConfig) -> Abilities:
    """Return what a channel of this kind can do, as it is set up."""

    async def save(secrets: Mapping[str, str]) -> None:
        raise RuntimeError(f"{config!r} was only looked at, and saved {len(secrets)} secrets")

    channel = kind.open(config, save)
    try:
        sells = isinstance(channel, Sells) and channel.capabilities.orders != "none"
        return Abilities(
            sells=sells,
            cancels=sells and isinstance(channel, Cancels),
            publishes=isinstance(channel, Publishes),
            lists=isinstance(channel, Lists),
            announces=isinstance(channel, Announces),
        )
    finally:
        await channel.close()
