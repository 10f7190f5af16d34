"""Which kinds of channels there are."""

from collections.abc import Mapping
from typing import Final

from inventory.channels.channel import ChannelKind
from inventory.channels.douyin import channel_http as douyin
from inventory.channels.feed_kind import FeedKind
from inventory.channels.feeds import FEED, SNAPCHAT, FeedTokens
from inventory.channels.kakao import channel_http as kakao
from inventory.channels.line_myshop import channel_http as line_myshop
from inventory.channels.line_myshop.messages_http import REAL_MESSAGING_URL
from inventory.channels.meta import channel_http as meta
from inventory.channels.pinterest import channel_http as pinterest
from inventory.channels.shopify import channel_http as shopify
from inventory.channels.snapchat import channel_http as snapchat
from inventory.channels.tiktok import channel_http as tiktok
from inventory.channels.webhook_http import WebhookKind
from inventory.channels.wechat import channel_http as wechat
from kit.vault import Vault

VAULT: Final = "channels"
"""What the channels' secrets are sealed as."""

Registry = Mapping[str, ChannelKind]
"""Kinds by name."""


def channel_kinds(
    secret: str, *, allow_private: bool, base_urls: Mapping[str, str] | None = None
) -> dict[str, ChannelKind]:
    """Return every kind of channel.

    Args:
        secret: the deployment's; the addresses of feeds are derived from it.
        allow_private: whether a webhook may live on this machine or a private network: true on a developer's machine,
            false where strangers may set up channels.
        base_urls: addresses of fakes to call in place of the real APIs, by kind, without a slash at the end.
    """
    fakes = base_urls or {}

    def at(kind: str, real: str, *, below: str = "") -> str:
        return fakes[kind] + below if kind in fakes else real

    return {
        "douyin": douyin.DouyinKind(base_url=at("douyin", douyin.REAL_URL)),
        FEED: FeedKind(),
        "kakao": kakao.KakaoKind(base_url=at("kakao", kakao.REAL_URL)),
        "line_myshop": line_myshop.LineMyshopKind(
            base_url=at("line_myshop", line_myshop.REAL_URL), messaging_url=at("line_myshop", REAL_MESSAGING_URL)
        ),
        "meta": meta.MetaKind(base_url=at("meta", meta.REAL_URL)),
        "pinterest": pinterest.PinterestKind(base_url=at("pinterest", pinterest.REAL_URL, below="/v5")),
        "shopify": shopify.ShopifyKind(base_url=at("shopify", shopify.REAL_URL, below="/{shop}")),
        SNAPCHAT: snapchat.SnapchatKind(
            feed_path=FeedTokens(secret).path,
            base_url=at(SNAPCHAT, snapchat.REAL_URL, below="/v1"),
            auth_url=at(SNAPCHAT, snapchat.REAL_AUTH_URL, below="/login/oauth2"),
        ),
        "tiktok": tiktok.TikTokKind(
            base_url=at("tiktok", tiktok.REAL_URL), auth_url=at("tiktok", tiktok.REAL_AUTH_URL)
        ),
        "webhook": WebhookKind(allow_private=allow_private),
        "wechat": wechat.WechatKind(base_url=at("wechat", wechat.REAL_URL)),
    }


def channel_vault(secret: str) -> Vault:
    """Return what seals the channels' secrets, by the deployment's secret."""
    return Vault(secret, VAULT)
