"""One trial: a place of its own, load, a fault in the middle of it, and the verdict when all is quiet."""

import asyncio
import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from kit.ids import new_ulid
from live import wire
from live.client import ClientClosedError, ShowdropClient
from live.views import OfferView
from tests.faults.break_stripe import METHOD, TroubledStripe
from tests.faults.buyers import Buyer, now_ms
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.evidence_pg import PostgresEvidence
from tests.faults.limits import (
    DEMAND_LEAST,
    PER_BUYER_LIMIT,
    REBUILD_MOST_S,
    ROLL_CALL_MOST_S,
    ROLL_CALL_SLACK_MS,
)
from tests.faults.place import Place
from tests.faults.postgres_server import Databases, PostgresServer
from tests.faults.records import HoldRecord, Notes
from tests.faults.redis_server import RedisServer
from tests.faults.scene import Fault, Scene
from tests.faults.shop_http import Shop
from tests.faults.small_disk import NoSmallDiskError, SmallDisk, small_disk
from tests.faults.verdict import After, Course, Verdict, judge
from tests.faults.watcher import Watcher


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a trial is.

    Raises:
        ValueError: so little is wanted that a unit left over would show nothing.
    """

    units: int
    buyers: int

    def __post_init__(self) -> None:
        if self.buyers * PER_BUYER_LIMIT < self.units * DEMAND_LEAST:
            raise ValueError(f"{self.buyers} buyers are too few for {self.units} units")


class Trial:
    """One fault under load.

    Args:
        seed: of everything that buyers do.
    """

    def __init__(self, fault: Fault, size: Size, *, seed: int, databases: Databases) -> None:
        self.fault = fault
        self.size = size
        self.seed = seed
        self.notes = Notes()
        self._databases = databases

    async def run(self) -> Verdict:
        """Run it from the start of its servers to their end; what it left behind is removed."""
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            async with self._place(folder) as scene:
                return await self._run_in(scene)
        except NoSmallDiskError as error:
            return Verdict(untried=str(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @asynccontextmanager
    async def _place(self, folder: Path) -> AsyncIterator[Scene]:
        fault = self.fault
        async with AsyncExitStack() as stack:
            disk = stack.enter_context(small_disk(folder / "disk")) if fault.small_disk else None
            postgres = await self._own_postgres(folder, disk, stack) if fault.has_postgres else None
            database_url = await self._database(postgres, stack)
            redis, replica = RedisServer(folder / "m", fault.fsync), RedisServer(folder / "r", fault.fsync)
            stack.push_async_callback(replica.close)
            stack.push_async_callback(redis.close)
            await redis.start()
            proxy = await stack.enter_async_context(CuttingProxy(database_url)) if fault.cuts else None
            stripe = await stack.enter_async_context(TroubledStripe()) if fault.bank == "stripe" else None
            place = Place(
                folder,
                redis_url=redis.url,
                database_url=database_url if proxy is None else proxy.url,
                environ={} if stripe is None else stripe.environ,
                gateways=fault.gateways,
                workers=fault.workers,
                clocks_s=fault.clocks_s,
            )
            stack.push_async_callback(place.stop)
            await place.start()
            yield Scene(
                place=place,
                redis=redis,
                replica=replica,
                database_url=database_url,
                rng=random.Random(self.seed),
                postgres=postgres,
                disk=disk,
                proxy=proxy,
                stripe=stripe,
            )

    @staticmethod
    async def _own_postgres(folder: Path, disk: SmallDisk | None, stack: AsyncExitStack) -> PostgresServer:
        home = folder / "postgres" if disk is None else disk.folder / "postgres"
        home.mkdir(exist_ok=True)
        server = PostgresServer(home, folder / "postgres.log", durable=True)
        stack.push_async_callback(server.stop)
        await server.start()
        return server

    async def _database(self, own: PostgresServer | None, stack: AsyncExitStack) -> str:
        """Make the trial's database; one on a server of its own goes with it."""
        name = f"faults_{new_ulid().lower()}"
        databases = self._databases
        if own is not None:
            databases = Databases(own.url)
            await databases.make_template()
        else:
            stack.push_async_callback(databases.drop, name)
        url = await databases.make(name)
        if self.fault.deadlock_ms is not None:
            await databases.execute(f'ALTER DATABASE "{name}" SET deadlock_timeout = {self.fault.deadlock_ms}')
        return url

    async def _run_in(self, scene: Scene) -> Verdict:
        place = scene.place
        async with AsyncExitStack() as stack:
            shop = Shop(place.url, place.token("host", "host"))
            stack.push_async_callback(shop.close)
            offer = await shop.open_offer(self.size.units)
            scene.offer_id = offer.offer_id
            evidence = PostgresEvidence(scene.database_url, offer.offer_id)
            stack.push_async_callback(evidence.close)
            helpers = [asyncio.create_task(evidence.watch_epoch())]
            if scene.stripe is not None:
                helpers.append(asyncio.create_task(scene.stripe.deliver(place.url, scene.rng)))
            stack.push_async_callback(_end, helpers)
            watcher = await stack.enter_async_context(Watcher(place.ws_urls[-1], offer.show_id))
            begun_ms, over_ms = await self._load(scene, offer, evidence)
            course = Course(
                keeps_holds=self.fault.keeps_holds,
                may_refuse=self.fault.may_refuse,
                answers_within_ms=self.fault.answers_within_ms,
                begun_ms=begun_ms,
                over_ms=over_ms,
                gone_ms=scene.gone_ms,
                lost_ms=scene.lost_ms,
                back_ms=scene.back_ms,
                rebuilt_ms=evidence.rebuilt_ms,
                strikes=scene.strikes,
            )
            return judge(self.notes, course, await self._afterwards(scene, shop, evidence, watcher))

    # --- the load and the fault ---

    async def _load(self, scene: Scene, offer: OfferView, evidence: PostgresEvidence) -> tuple[int, int]:
        """Let buyers shop, break things meanwhile; return when the fault began and when it was over."""
        began = asyncio.get_running_loop().time()
        rng = random.Random(self.seed)
        async with asyncio.TaskGroup() as group:
            for number, buyer in enumerate(self._buyers(scene.place, offer)):
                # The first ones come at once, so that holds of every kind are there when the fault begins.
                share = number / self.size.buyers
                arrives_s = share * self.fault.arrivals_s * rng.uniform(0.8, 1.0)
                group.create_task(buyer.shop(began, arrives_s))
            await asyncio.sleep(self.fault.lead_s)
            begun_ms = now_ms()
            await self.fault.act(scene)
            over_ms = now_ms()
            await _until_rebuilt(scene, evidence)
            await self._call_the_roll(scene.place, offer)
        return begun_ms, over_ms

    def _buyers(self, place: Place, offer: OfferView) -> list[Buyer]:
        return [
            Buyer(
                ws_url=place.ws_urls[number % len(place.ws_urls)],
                show_id=offer.show_id,
                offer_id=offer.offer_id,
                buyer_id=f"buyer-{number}",
                token=place.token("viewer", f"buyer-{number}"),
                method=METHOD if self.fault.bank == "stripe" else "pm_test_ok",
                rng=random.Random(f"{self.seed} {number}"),
                notes=self.notes,
            )
            for number in range(self.size.buyers)
        ]

    async def _call_the_roll(self, place: Place, offer: OfferView) -> None:
        """Ask the book, by another connection of their buyers, for holds that should be live."""
        asked_ms = now_ms() + ROLL_CALL_SLACK_MS
        alone = [hold for hold in self.notes.holds.values() if hold.is_left_alone(asked_ms)]
        await asyncio.gather(*(_call(place, offer.show_id, hold) for hold in alone))

    # --- afterwards ---

    async def _afterwards(self, scene: Scene, shop: Shop, evidence: PostgresEvidence, watcher: Watcher) -> After:
        await evidence.until_quiet(closed=False)
        allocated, sold = await evidence.allocated_and_sold()
        await watcher.until_sold(sold)
        await shop.close_offer(scene.offer_id)
        unrest = await evidence.until_quiet(closed=True)
        _, sold = await evidence.allocated_and_sold()
        return After(
            allocated=allocated,
            sold=sold,
            orders=await evidence.orders(),
            payments=await evidence.payments() if scene.stripe is None else scene.stripe.payments(),
            api_sold=await shop.sold(scene.offer_id),
            stock=watcher.stock,
            unrest=unrest,
            reconcile=await scene.place.reconcile(),
            ended_roles=await scene.place.ended_by_themselves(),
        )


async def _end(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until_rebuilt(scene: Scene, evidence: PostgresEvidence) -> None:
    """Wait until the book of the last server that came back was rebuilt."""
    if not scene.gone_ms:
        return
    gives_up_at = time.monotonic() + REBUILD_MOST_S
    while time.monotonic() < gives_up_at and max(evidence.rebuilt_ms, default=0) < scene.gone_ms[-1]:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)


async def _call(place: Place, show_id: str, hold: HoldRecord) -> None:
    """Note whether a hold is there that should be live."""
    found: list[str] = []

    def hear(message: wire.ServerMessage) -> None:
        if isinstance(message, wire.Welcome):
            found.extend(card.hold_id for card in message.holds)

    token = place.token("viewer", hold.buyer_id)
    with contextlib.suppress(TimeoutError, ClientClosedError):
        async with asyncio.timeout(ROLL_CALL_MOST_S):
            async with ShowdropClient(place.ws_urls[0], show_id, token, on_message=hear) as client:
                await client.welcomed()
                if hold.hold_id in found:
                    hold.found_ms = now_ms()
                elif hold.is_left_alone(now_ms()):
                    hold.missing_ms = now_ms()
