"""Which kinds of channels there are."""

from collections.abc import Mapping

from inventory.channels.channel import ChannelKind
from inventory.channels.webhook_http import WebhookKind

Registry = Mapping[str, ChannelKind]
"""Kinds by name."""


def channel_kinds(*, allow_private: bool) -> dict[str, ChannelKind]:
    """Return every kind of channel.

    Args:
        allow_private: whether a channel may live on this machine or a private network: true on a developer's machine,
            false where strangers may set up channels.
    """
    return {"webhook": WebhookKind(allow_private=allow_private)}
