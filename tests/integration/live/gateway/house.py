"""A running gateway on real servers, a host, and viewers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from inventory.catalogue_pg import Catalogue
from inventory.keeper import Keeper
from inventory.stock import receive
from inventory.stock_pg import record_movements
from kit.ids import new_id, new_ulid
from kit.money import Money
from kit.settings import Settings
from live import wire
from live.offer import OfferTerms
from live.relay import Relay
from live.roles.gateway import GatewayRole
from live.roles.stores import Place, Stores
from live.roles.worker import build_keeper
from live.show_events_pg import ShowEvents
from live.stage import Stage
from live.tokens import Tokens
from loadtests.free_ports import free_port

SECRET = "a secret that is long enough for HS256"
PATIENCE_S = 8.0
STATE = (wire.OfferStock, wire.Viewers, wire.Reactions)

Message = TypeVar("Message", bound=wire.ServerMessage)


class Viewer:
    """One WebSocket, and everything it was told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[wire.ServerMessages] = []
        self.close_code: int | None = None
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for data in self.connection:
                message = wire.decode_server(data, binary=isinstance(data, bytes))
                self.heard.append(message)
                self._news.set()
        self.close_code = self.connection.close_code
        self._news.set()

    async def say(self, message: wire.ClientMessages) -> None:
        binary = self.connection.subprotocol == wire.MSGPACK_SUBPROTOCOL
        await self.connection.send(wire.encode_msgpack(message) if binary else wire.encode_json(message).decode())

    async def when(self, happened: Callable[[], bool]) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not happened():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"did not happen; close code {self.close_code}, heard {self.heard[-5:]}") from None

    async def get(self, kind: type[Message], number: int = 1) -> Message:
        """Return the n-th message of a kind, waiting for it."""
        await self.when(lambda: len(self.all(kind)) >= number)
        return self.all(kind)[number - 1]

    def all(self, kind: type[Message]) -> list[Message]:
        return [one for one in self.heard if isinstance(one, kind)]

    @property
    def seqs(self) -> list[int]:
        return [one.seq for one in self.all(wire.LogEvent)]

    async def up_to(self, seq: int) -> None:
        """Wait for the log event at this position."""
        await self.when(lambda: bool(self.seqs) and self.seqs[-1] >= seq)

    async def closed(self) -> int:
        """Return the close code, waiting for it."""
        await self.when(lambda: self._reading.done() and self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    async def leave(self) -> None:
        await self.connection.close()
        await self._reading


class House:
    """The stage of the API, a gateway, and a shop with stock."""

    def __init__(self, place: Place, stores: Stores) -> None:
        self.place = place
        self.stores = stores
        self.log = stores.log
        self.relay = Relay(ShowEvents(stores.postgres), stores.log)
        self.stage = Stage(
            shows=stores.shows,
            offers=stores.show_offers,
            pools=stores.pools,
            holds=stores.holds,
            catalogue=Catalogue(stores.postgres),
            relay=self.relay,
            log=stores.log,
            redis=stores.redis,
        )
        self.tokens = Tokens(SECRET)
        self.ws_url = f"ws://127.0.0.1:{place.settings.ws_port}"
        self._viewers: list[Viewer] = []

    async def show(self, *, live: bool = True) -> str:
        """Return a new show."""
        show_id = new_id("show")
        await self.stage.create_show(show_id=show_id, title="Evening show", currency="EUR", scheduled_start_at_ms=None)
        if live:
            await self.stage.start(show_id)
        return show_id

    async def product(self, *, stock: int = 1_000, variants: int = 1) -> tuple[str, str]:
        """Return a new product and its first SKU."""
        sku, product_id = new_id("sku"), new_id("prod")
        skus = [sku, *(f"{sku}-{n}" for n in range(1, variants))]
        async with self.stores.postgres.transaction() as connection:
            await connection.execute(
                "INSERT INTO products (product_id, product_key, title) VALUES ($1, $1, 'Mug')", product_id
            )
            await connection.execute(
                "INSERT INTO variants (sku, product_id, price_amount, price_currency)"
                " SELECT sku, $2, 999, 'EUR' FROM unnest($1::text[]) AS sku",
                skus,
                product_id,
            )
            await connection.execute("INSERT INTO stock (sku) SELECT * FROM unnest($1::text[])", skus)
            await record_movements(connection, [receive(sku, stock, key=f"receive:{sku}", reason="test")])
        return product_id, sku

    async def offer(
        self,
        show_id: str,
        *,
        quantity: int = 10,
        limit: int = 2,
        preheat_ms: int = 0,
        duration_ms: int = 60_000,
        hold_ttl_ms: int = 60_000,
        mode: wire.OfferMode = "first_come",
    ) -> str:
        """Return a new offer of a new product."""
        _, sku = await self.product()
        terms = OfferTerms(
            sku=sku,
            price=Money(799, "EUR"),
            quantity=quantity,
            per_buyer_limit=limit,
            preheat_ms=preheat_ms,
            duration_ms=duration_ms,
            hold_ttl_ms=hold_ttl_ms,
            waitlist_hold_ttl_ms=hold_ttl_ms,
            grace_ms=0,
            mode=mode,
            pass_on_ms=60_000 if mode == "draw" else 0,
        )
        return (await self.stage.open_offer(show_id, terms, offer_id=new_id("offer"))).offer_id

    async def events(self, show_id: str, count: int) -> None:
        """Make log events: the show pauses and goes on."""
        for _ in range(count):
            state = (await self.stores.shows.read(show_id))[0].card.state
            await (self.stage.pause if state == "live" else self.stage.resume)(show_id)

    async def seq(self, show_id: str) -> int:
        return (await self.stores.shows.read(show_id))[0].seq

    def token(self, buyer_id: str, show_id: str | None = None) -> str:
        return self.tokens.mint("viewer", buyer_id, show_id)[0]

    async def dial(
        self, show_id: str, *, binary: bool = False, origin: str | None = None, forwarded: str | None = None
    ) -> Viewer:
        """Open a WebSocket without saying hello; ``forwarded`` is what a proxy would say of where it comes from."""
        protocol = wire.MSGPACK_SUBPROTOCOL if binary else wire.JSON_SUBPROTOCOL
        connection = await connect(
            f"{self.ws_url}/v1/shows/{show_id}/live",
            subprotocols=[Subprotocol(protocol)],
            origin=None if origin is None else Origin(origin),
            compression=None,
            proxy=None,
            additional_headers={} if forwarded is None else {"X-Forwarded-For": forwarded},
        )
        viewer = Viewer(connection)
        self._viewers.append(viewer)
        return viewer

    async def watch(
        self, show_id: str, buyer_id: str | None = None, *, resume: wire.Position | None = None, binary: bool = False
    ) -> Viewer:
        """Return a viewer who was welcomed."""
        viewer = await self.dial(show_id, binary=binary)
        await viewer.say(wire.Hello(token=None if buyer_id is None else self.token(buyer_id), resume=resume))
        await viewer.get(wire.Welcome)
        return viewer

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection to the gateway."""
        return await asyncio.open_connection("127.0.0.1", self.place.settings.ws_port)

    async def metric(self, name: str) -> float:
        """Return one figure of the gateway."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{self.ws_url.replace('ws://', 'http://')}/metrics")).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    async def send_home(self) -> None:
        for viewer in self._viewers:
            await viewer.leave()

    def keeper(self) -> Keeper:
        return build_keeper(self.stores)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run a keeper as the worker does."""
        keeper = self.keeper()

        async def run() -> None:
            while True:
                await keeper.round()
                await asyncio.sleep(0.1)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def another_gateway(self, **changes: object) -> AsyncIterator["House"]:
        """Run one more gateway on the same servers, with some settings of its own."""
        settings = msgspec.structs.replace(self.place.settings, ws_port=free_port(), **changes)
        async with open_house(self.place.database_url, self.place.redis_url, settings) as house:
            yield house


def a_claim(offer_id: str, quantity: int = 1, claim_id: str | None = None) -> wire.Claim:
    return wire.Claim(claim_id=claim_id or new_ulid(), offer_id=offer_id, quantity=quantity)


async def counts(house: House, offer_id: str) -> tuple[int, int, int]:
    """Return the units of an offer that are available, held and sold."""
    offer = await house.stage.offer(offer_id)
    return offer.available, offer.held, offer.sold


def upgrade(show_id: str, extra: Sequence[str] = ()) -> bytes:
    """Return the request that becomes a WebSocket."""
    lines = [
        f"GET /v1/shows/{show_id}/live HTTP/1.1",
        "Host: gateway.test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *extra,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@asynccontextmanager
async def open_house(database_url: str, redis_url: str, settings: Settings | None = None) -> AsyncIterator[House]:
    """Run a gateway on a free port."""
    settings = settings or Settings(ws_port=free_port(), http_port=free_port())
    place = Place(settings=settings, database_url=database_url, redis_url=redis_url, secret=SECRET)
    stores = await Stores.open(place, "test", connections=4)
    role = await GatewayRole.start(place)
    house = House(place, stores)
    try:
        yield house
    finally:
        await house.send_home()
        await role.stop()
        await stores.close()
