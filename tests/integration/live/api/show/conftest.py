"""The whole application on real parts, a client of it, and a live show."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from checkout.apply_event import WebhookInbox
from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.orders_pg import Orders
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import Providers
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from checkout.submit import Submitter
from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoints_pg import HookEndpoints
from checkout.webhooks.signing import EndpointSecrets
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds import FeedTokens
from inventory.channels.feeds_pg import Feeds
from inventory.channels.inbox import ChannelInbox
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.draws_pg import Draws
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from inventory.stock_pg import StockLedger
from kit.address_lookup import Addresses
from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.app_http import ApiParts, build_app, endpoints_of
from live.api.idempotency_pg import Idempotency
from live.inbox import Inbox
from live.offers import OfferDirectory
from live.purchases import Purchases
from live.relay import Relay
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.shows_pg import Shows
from live.stage import Stage
from live.tokens import Tokens
from tests.integration.live.api.api_client import SECRET, Bearer, Document
from tests.integration.live.api.show.mugs import CATALOGUE


@pytest.fixture
async def parts(postgres: Postgres, redis: Redis, tokens: Tokens) -> AsyncIterator[ApiParts]:
    shows, show_offers = Shows(postgres), ShowOffers(postgres)
    pools, holds, catalogue = Pools(postgres), RedisHolds(redis), Catalogue(postgres)
    log, bank, orders = RedisLog(redis, "log"), TestBank(postgres, SECRET), Orders(postgres)
    providers, offers = Providers([bank]), OfferDirectory(pools, show_offers)
    submitter = Submitter(holds, orders, providers)
    kinds = channel_kinds(SECRET, allow_private=True)
    channels, rows = Channels(postgres, kinds, channel_vault(SECRET)), ChannelRows.of(postgres, kinds)
    yield ApiParts(
        tokens=tokens,
        idempotency=Idempotency(postgres),
        stage=Stage(
            shows=shows,
            offers=show_offers,
            pools=pools,
            holds=holds,
            catalogue=catalogue,
            relay=Relay(ShowEvents(postgres), log),
            log=log,
            redis=redis,
        ),
        draws=Draws(postgres),
        purchases=Purchases(offers, holds, submitter, Inbox(RedisLog(redis, "inbox"), offers)),
        catalogue=catalogue,
        stock=StockLedger(postgres),
        orders=orders,
        lines=Lines(postgres),
        exports=Exports(postgres),
        refunds=Refunds(postgres, providers),
        reports=Reports(postgres),
        webhooks=WebhookInbox(PaymentEvents(postgres), providers),
        hooks=HookEndpoints(postgres, EndpointSecrets(SECRET), Addresses(allow_private=True)),
        hook_log=HookLog(postgres),
        channels=channels,
        channel_rows=rows,
        channel_inbox=ChannelInbox(channels, kinds, rows.orders),
        feeds=Feeds(postgres, FeedTokens(SECRET)),
        registry=new_registry(),
        ws_url="ws://127.0.0.1:8001",
        currency="EUR",
        demo=True,
        checks={"postgres": postgres.ping},
    )
    await submitter.close()
    await bank.close()


@pytest.fixture
async def client(parts: ApiParts) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(parts)),
        base_url="http://api.test",
        event_hooks={"response": [Document(endpoints_of(parts)).check]},
    ) as client:
        yield client


@pytest.fixture
async def show_id(client: httpx.AsyncClient, bearer: Bearer) -> str:
    """A live show with a catalogue."""
    staff = bearer("host")
    await client.post("/v1/catalog/import", content=CATALOGUE, headers=staff)
    made = await client.post("/v1/shows", json={"title": "Friday", "currency": "EUR"}, headers=staff)
    show_id: str = made.json()["show_id"]
    await client.post(f"/v1/shows/{show_id}/start", headers=staff)
    return show_id
