"""Building the HTTP application out of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from checkout.apply_event import WebhookInbox
from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.orders_pg import Orders
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoints_pg import HookEndpoints
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds_pg import Feeds
from inventory.channels.inbox import ChannelInbox
from inventory.channels.rows import ChannelRows
from inventory.draws_pg import Draws
from inventory.stock_pg import StockLedger
from kit.settings import Network
from live.api.announcements_http import AnnouncementEndpoints
from live.api.catalogue_http import CatalogueEndpoints
from live.api.channel_catalogue_http import ChannelCatalogueEndpoints
from live.api.channel_orders_http import ChannelOrderEndpoints
from live.api.channel_pushes_http import ChannelPushEndpoints
from live.api.channels_http import ChannelEndpoints
from live.api.draws_http import DrawEndpoints
from live.api.endpoint import Endpoint
from live.api.feeds_http import FeedEndpoints
from live.api.health import Check
from live.api.health_http import HealthEndpoints
from live.api.holds_http import HoldEndpoints
from live.api.idempotency_pg import Idempotency
from live.api.lines_http import LineEndpoints
from live.api.offers_http import OfferEndpoints
from live.api.openapi import openapi_document
from live.api.orders_http import OrderEndpoints
from live.api.pages_http import Meta, MetaEndpoints, page_routes
from live.api.request_rates import RequestRates
from live.api.rest_hooks_http import RestHookEndpoints
from live.api.server_http import build_server
from live.api.shows_http import ShowEndpoints
from live.api.stock_http import StockEndpoints
from live.api.tokens_http import DemoEndpoints, TokenEndpoints
from live.api.webhook_deliveries_http import WebhookDeliveryEndpoints
from live.api.webhook_endpoints_http import WebhookEndpointEndpoints
from live.api.webhooks_http import WebhookEndpoints
from live.asyncapi import asyncapi_document
from live.purchases import Purchases
from live.stage import Stage
from live.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class ApiParts:
    """What the application is built of; the composition root owns and closes all of it.

    Attributes:
        ws_url: where browsers reach the gateway, such as ``ws://127.0.0.1:8001``.
        currency: for catalogue files that name none.
        demo: mount the call that gives anyone a token of a made-up buyer.
        origins: browser origins besides our own pages that may call the API.
        checks: what ``/readyz`` asks, by name.
        rates: how much one address and one bearer may ask; None for no limit.
        proxies: networks whose ``X-Forwarded-For`` is believed.
    """

    tokens: Tokens
    idempotency: Idempotency
    stage: Stage
    draws: Draws
    purchases: Purchases
    catalogue: Catalogue
    stock: StockLedger
    orders: Orders
    lines: Lines
    exports: Exports
    refunds: Refunds
    reports: Reports
    webhooks: WebhookInbox
    hooks: HookEndpoints
    hook_log: HookLog
    channels: Channels
    channel_rows: ChannelRows
    channel_inbox: ChannelInbox
    feeds: Feeds
    registry: CollectorRegistry
    ws_url: str
    currency: str
    demo: bool = False
    origins: tuple[str, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    rates: RequestRates | None = None
    proxies: tuple[Network, ...] = ()


def endpoints_of(parts: ApiParts) -> list[Endpoint]:
    """Return every endpoint, in the order of the API document."""
    meta = Meta(version=version("showdrop"), ws_url=parts.ws_url, demo=parts.demo, currency=parts.currency)
    rows = parts.channel_rows
    return [
        *CatalogueEndpoints(parts.catalogue, parts.currency).endpoints(),
        *StockEndpoints(parts.stock).endpoints(),
        *ShowEndpoints(parts.stage, parts.reports).endpoints(),
        *OfferEndpoints(parts.stage).endpoints(),
        *AnnouncementEndpoints(parts.stage, parts.catalogue, rows.announcements).endpoints(),
        *DrawEndpoints(parts.draws, parts.stage).endpoints(),
        *HoldEndpoints(parts.purchases).endpoints(),
        *OrderEndpoints(parts.orders, parts.refunds, parts.exports).endpoints(),
        *LineEndpoints(parts.lines, parts.exports).endpoints(),
        *WebhookEndpointEndpoints(parts.hooks).endpoints(),
        *WebhookDeliveryEndpoints(parts.hook_log).endpoints(),
        *RestHookEndpoints(parts.hooks, parts.hook_log).endpoints(),
        *ChannelEndpoints(parts.channels, rows.kept_back, rows.levels).endpoints(),
        *ChannelCatalogueEndpoints(parts.channels, rows.links, rows.items, rows.products).endpoints(),
        *ChannelOrderEndpoints(parts.channels, rows.orders, rows.order_list).endpoints(),
        *FeedEndpoints(parts.feeds).endpoints(),
        *TokenEndpoints(parts.tokens).endpoints(),
        *(DemoEndpoints(parts.tokens, parts.stage).endpoints() if parts.demo else ()),
        *WebhookEndpoints(parts.webhooks).endpoints(),
        *ChannelPushEndpoints(parts.channel_inbox).endpoints(),
        *MetaEndpoints(meta).endpoints(),
        *HealthEndpoints(parts.checks, parts.registry).endpoints(),
    ]


def build_app(parts: ApiParts) -> Starlette:
    """Return the application, ready to be served; it opens and closes nothing."""
    declared = endpoints_of(parts)
    documents = {
        "/openapi.json": openapi_document(declared, version=version("showdrop")),
        "/asyncapi.json": asyncapi_document(version=version("showdrop"), ws_url=parts.ws_url),
    }
    return build_server(
        declared,
        tokens=parts.tokens,
        idempotency=parts.idempotency,
        registry=parts.registry,
        origins=parts.origins,
        pages=page_routes({path: msgspec.json.encode(one) for path, one in documents.items()}),
        rates=parts.rates,
        proxies=parts.proxies,
        ws_url=parts.ws_url,
    )
