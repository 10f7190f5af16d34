"""Which kinds of channels there are."""

from collections.abc import Mapping
from typing import Final

from inventory.channels.channel import ChannelKind
from inventory.channels.douyin.channel_http import DouyinKind
from inventory.channels.feed_kind import FeedKind
from inventory.channels.feeds import FEED
from inventory.channels.kakao.channel_http import KakaoKind
from inventory.channels.line_myshop.channel_http import LineMyshopKind
from inventory.channels.meta.channel_http import MetaKind
from inventory.channels.pinterest.channel_http import PinterestKind
from inventory.channels.shopify.channel_http import ShopifyKind
from inventory.channels.tiktok.channel_http import TikTokKind
from inventory.channels.webhook_http import WebhookKind
from inventory.channels.wechat.channel_http import WechatKind
from kit.vault import Vault

VAULT: Final = "channels"
"""What the channels' secrets are sealed as."""

Registry = Mapping[str, ChannelKind]
"""Kinds by name."""


def channel_kinds(*, allow_private: bool) -> dict[str, ChannelKind]:
    """Return every kind of channel.

    Args:
        allow_private: whether a webhook may live on this machine or a private network: true on a developer's machine,
            false where strangers may set up channels.
    """
    return {
        "douyin": DouyinKind(),
        FEED: FeedKind(),
        "kakao": KakaoKind(),
        "line_myshop": LineMyshopKind(),
        "meta": MetaKind(),
        "pinterest": PinterestKind(),
        "shopify": ShopifyKind(),
        "tiktok": TikTokKind(),
        "webhook": WebhookKind(allow_private=allow_private),
        "wechat": WechatKind(),
    }


def channel_vault(secret: str) -> Vault:
    """Return what seals the channels' secrets, by the deployment's secret."""
    return Vault(secret, VAULT)
