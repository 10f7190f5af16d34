"""The role ``worker``: moves what waits - payments, the clock of offers, holds that end, channels."""

import httpx

from checkout.order import SaleTerms
from checkout.payments.bank_webhooks_http import BankWebhooks
from checkout.workers import CheckoutWorker
from inventory.channels.channels_pg import Channels
from inventory.channels.leader_pg import Leadership
from inventory.channels.registry import channel_kinds
from inventory.channels.sync import ChannelSync
from inventory.holds import Hold
from inventory.keeper import Keeper
from kit.tasks import Tasks
from live.relay import Relay
from live.roles.stores import Place, Stores
from live.show_events_pg import ShowEvents

POSTGRES_CONNECTIONS = 12
KEEPER_EVERY_S = 0.2
CLOCK_EVERY_S = 0.05
RELAY_EVERY_S = 0.25


class WorkerRole:
    """Built by ``start``, ended by ``stop``. Any number may run."""

    def __init__(self, stores: Stores, checkout: CheckoutWorker, client: httpx.AsyncClient, tasks: Tasks) -> None:
        self._stores = stores
        self._checkout = checkout
        self._client = client
        self._tasks = tasks

    @classmethod
    async def start(cls, place: Place, *, demo: bool) -> "WorkerRole":
        """Connect, build, and start every loop.

        Args:
            place: where its servers are.
            demo: whether channels may live on private networks.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        settings = place.settings
        stores = await Stores.open(place, "worker", connections=POSTGRES_CONNECTIONS)
        relay = Relay(ShowEvents(stores.postgres), stores.log)

        keeper = build_keeper(stores)

        async def clock() -> None:
            for offer_id in await stores.shows.due_offers():
                await stores.shows.tick_offer(offer_id)
                offer = await stores.shows.offer(offer_id)
                await relay.relay(offer.show_id)

        client = httpx.AsyncClient(timeout=10)
        bank = BankWebhooks(stores.postgres, place.secret)
        api_url = settings.api_url or f"http://{settings.host}:{settings.http_port}"
        checkout = CheckoutWorker(
            postgres=stores.postgres,
            database_url=place.database_url,
            holds=stores.holds,
            providers=stores.providers,
            deliver=stores.inbox.orders,
            deliver_webhooks=lambda: bank.deliver_due(client, f"{api_url}/v1/webhooks/payments/test"),
        )
        kinds = channel_kinds(allow_private=demo)
        sync = ChannelSync(Channels(stores.postgres, kinds), Leadership(stores.postgres), kinds)
        tasks = Tasks()
        # The keeper first: a book that a dead Redis left behind is rebuilt before anything is sold from it.
        await keeper.round()
        tasks.forever("keeper", keeper.round, every_s=KEEPER_EVERY_S)
        tasks.forever("offer clock", clock, every_s=CLOCK_EVERY_S)
        tasks.forever("relay", relay.relay_all, every_s=RELAY_EVERY_S)
        tasks.forever("channel sync", sync.run)
        checkout.start()
        return cls(stores, checkout, client, tasks)

    async def stop(self) -> None:
        """Finish the round that is under way, then close."""
        await self._checkout.stop()
        await self._tasks.stop()
        await self._client.aclose()
        await self._stores.close()


def build_keeper(stores: Stores) -> Keeper:
    """Return the keeper of the hold book; nothing runs yet."""

    async def settle_stale(hold: Hold) -> None:
        offer = await stores.offers.get(hold.pool_id)
        if offer is not None:
            terms = SaleTerms(pool_id=hold.pool_id, show_id=offer.show_id, sku=offer.pool.sku, unit_price=offer.price)
            await stores.orders.tombstone(hold, terms)

    return Keeper(
        pools=stores.pools,
        holds=stores.holds,
        orders_of=stores.orders.open_orders,
        tell=stores.inbox.holds,
        settle_stale=settle_stale,
    )
