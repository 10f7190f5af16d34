"""The show of a rehearsal, from its start to its end, and what is collected afterwards."""

import asyncio
import contextlib
import random

import msgspec

from kit.ids import new_ulid
from kit.money import Money
from kit.postgres import Postgres
from kit.redis_client import RedisClient
from live import wire
from live.reconcile.facts_redis import read_book
from live.rehearse.channel_watch_pg import ChannelWatch
from live.rehearse.crowd import Crowd
from live.rehearse.evidence_pg import EvidencePg
from live.rehearse.facts import ChannelFacts, Facts, Repeat
from live.rehearse.fake_bank_http import FakeBank
from live.rehearse.host_http import HostHttp, HostRefusedError
from live.rehearse.limits import (
    ARRIVAL_MOST_S,
    HOLD_TTL_MS,
    PREHEAT_MS,
    QUIET_POLL_S,
    QUIET_TIMEOUT_S,
    REPEATED_REQUESTS,
    SALE_S,
    SLACK_S,
)
from live.rehearse.plan import PER_BUYER_LIMIT
from live.rehearse.progress import Progress
from live.rehearse.receiver_http import ChannelReceiver
from live.views import OfferView


class Goods(msgspec.Struct, frozen=True):
    """What is sold."""

    product_id: str
    sku: str
    price: Money
    units: int


class OwnChannel(msgspec.Struct, frozen=True):
    """The rehearsal's channel; ``channel_id`` is None when it does without one."""

    receiver: ChannelReceiver
    channel_id: str | None


class Performance:
    """One show with one offer.

    Args:
        show_id: a show that is on.
        crowd: the viewers, connected before ``run``.
        watch: follows the shop's own channels.
        postgres: read only, as is ``redis``.
        bank: of the rehearsal's own; None when the server's test bank takes the money.
    """

    def __init__(
        self,
        *,
        show_id: str,
        goods: Goods,
        host: HostHttp,
        crowd: Crowd,
        channel: OwnChannel,
        watch: ChannelWatch,
        postgres: Postgres,
        redis: RedisClient,
        progress: Progress,
        bank: FakeBank | None = None,
    ) -> None:
        self._show_id = show_id
        self._goods = goods
        self._host = host
        self._crowd = crowd
        self._channel = channel
        self._watch = watch
        self._postgres = postgres
        self._redis = redis
        self._progress = progress
        self._bank = bank
        self._repeats: list[Repeat] = []

    async def run(self) -> Facts:
        """Play it and return what it left; raises as ``rehearse`` does."""
        show = f"/v1/shows/{self._show_id}"
        await self._host.post_raw(f"{show}/spotlight", {"product_ids": [self._goods.product_id]})
        offer = await self._open_offer()
        evidence = EvidencePg(self._postgres, show_id=self._show_id, offer_id=offer.offer_id, sku=self._goods.sku)
        await self._sell(offer)
        await self._quiet(evidence, offer, closed=False)
        await self._repeat_requests()
        # It may have ended by itself meanwhile.
        with contextlib.suppress(HostRefusedError):
            await self._host.post_raw(f"/v1/offers/{offer.offer_id}/close", {})
        await self._host.post_raw(f"{show}/end", {})
        not_quiet = await self._quiet(evidence, offer, closed=True)
        await self._watch.settle(self._goods.sku, self._progress)
        self._progress("verifying", 0, 1)
        return await self._collect(evidence, offer, not_quiet)

    async def _open_offer(self) -> OfferView:
        goods = self._goods
        body = {
            "sku": goods.sku,
            "price": goods.price,
            "quantity": goods.units,
            "per_buyer_limit": min(PER_BUYER_LIMIT, goods.units),
            "preheat_ms": PREHEAT_MS,
            "duration_ms": SALE_S * 1000,
            "hold_ttl_ms": HOLD_TTL_MS,
        }
        key = new_ulid()
        path = f"/v1/shows/{self._show_id}/offers"
        first = await self._host.post(path, body, OfferView, key=key)
        second = await self._host.post(path, body, OfferView, key=key)
        self._repeats.append(Repeat(what="opening the offer", first=first.offer_id, second=second.offer_id))
        return first

    async def _sell(self, offer: OfferView) -> None:
        card = msgspec.convert(offer, wire.OfferCard, from_attributes=True)
        buyers = [asyncio.create_task(viewer.buy(card)) for viewer in self._crowd.viewers]
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + PREHEAT_MS / 1000 + SALE_S + SLACK_S
        waiting = set(buyers)
        try:
            while waiting and loop.time() < gives_up_at:
                done, waiting = await asyncio.wait(waiting, timeout=0.2)
                self._progress("selling", len(buyers) - len(waiting), len(buyers))
                for task in done:
                    task.result()
        finally:
            for task in buyers:
                task.cancel()
            # All of them: when several fail at once, the first one speaks for the others.
            await asyncio.gather(*buyers, return_exceptions=True)

    async def _quiet(self, evidence: EvidencePg, offer: OfferView, *, closed: bool) -> tuple[str, ...]:
        """Wait until nothing is on its way any more; return what still is when the time is up."""
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + QUIET_TIMEOUT_S
        most = 1
        while True:
            unrest = await evidence.unrest(channel_id=self._channel.channel_id, closed=closed)
            held = (await read_book(self._redis, offer.offer_id)).held
            if held:
                unrest["units held"] = held
            if self._bank is not None and (waiting := (await self._bank.figures()).waiting):
                unrest["webhooks of the bank"] = waiting
            if not unrest or loop.time() > gives_up_at:
                return tuple(f"{what}: {count}" for what, count in unrest.items())
            left = sum(unrest.values())
            most = max(most, left)
            self._progress("waiting for quiet", most - left, most)
            await asyncio.sleep(QUIET_POLL_S)

    async def _repeat_requests(self) -> None:
        """Pay again for what was paid and release again what was released: the same answer must come back."""
        live = [viewer for viewer in self._crowd.viewers if viewer.client.phase == "live"]
        paid = [viewer for viewer in live if viewer.record.order_of]
        released = [viewer for viewer in live if viewer.record.released]
        checkouts = random.sample(paid, min(REPEATED_REQUESTS, len(paid)))
        releases = random.sample(released, min(REPEATED_REQUESTS, len(released)))
        self._repeats += await asyncio.gather(
            *(viewer.pay_again() for viewer in checkouts), *(viewer.release_again() for viewer in releases)
        )

    async def _collect(self, evidence: EvidencePg, offer: OfferView, not_quiet: tuple[str, ...]) -> Facts:
        crowd, receiver, channel_id = self._crowd, self._channel.receiver, self._channel.channel_id
        received = {} if channel_id is None else {channel_id: receiver.level(offer.sku)}
        found = await evidence.read(received)
        watched = await self._watch.read(offer.sku, found.levels, found.ledger, own_id=channel_id)
        last_seq = max(found.event_at_ms, default=0)
        await crowd.arrive(last_seq, ARRIVAL_MOST_S)
        folded = await crowd.compare()
        return Facts(
            offer_id=offer.offer_id,
            not_quiet=not_quiet,
            pool=found.pool,
            book=await read_book(self._redis, offer.offer_id),
            orders=found.orders,
            payments=found.payments if self._bank is None else await self._bank.payments(),
            payment_events=found.payment_events,
            payment_event_ids=found.payment_event_ids,
            news=found.news,
            ledger=found.ledger,
            channels=ChannelFacts(
                levels=found.levels,
                own_id=channel_id,
                calls=receiver.calls,
                bad_signatures=receiver.bad_signatures,
                watched=watched,
            ),
            last_seq=last_seq,
            event_at_ms=found.event_at_ms,
            viewers=tuple(viewer.record for viewer in crowd.viewers),
            unmet_buyers=sum(1 for viewer in crowd.viewers if not viewer.record.holds),
            repeats=tuple(self._repeats),
            folded=folded,
            bank=None if self._bank is None else await self._bank.figures(),
        )
