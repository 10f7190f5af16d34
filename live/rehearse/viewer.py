"""One viewer of a rehearsal: watches, claims, pays."""

import asyncio
import random
from collections.abc import Callable, Coroutine

from kit.ids import new_ulid
from live import wire
from live.client import ClaimAnswer, ServerRefusedError, ShowdropClient
from live.rehearse.at_bank import AtTheBank
from live.rehearse.facts import Repeat
from live.rehearse.limits import (
    ACTION_TIMEOUT_S,
    CHECKOUT_TRIES,
    LATE_AFTER_S,
    REPEAT_TIMEOUT_S,
    RETRY_FIRST_S,
    RETRY_LAST_S,
)
from live.rehearse.plan import Plan
from live.rehearse.record import ClaimRecord, OrderNews, ViewerRecord


class Viewer:
    """A client, its script and its record.

    Args:
        on_message: gets every message after it was recorded; for viewers whose state is folded.
        at_bank: where payments go on that wait for their buyer; None when none do.
    """

    def __init__(
        self,
        ws_url: str,
        show_id: str,
        token: str | None,
        *,
        subject: str,
        plan: Plan,
        on_message: Callable[[wire.ServerMessage], None] | None = None,
        at_bank: AtTheBank | None = None,
    ) -> None:
        self.plan = plan
        self._at_bank = at_bank
        self._news: asyncio.Queue[OrderNews] = asyncio.Queue()
        self.record = ViewerRecord(subject=subject)
        self._on_message = on_message
        self.client = ShowdropClient(ws_url, show_id, token, on_message=self._hear)
        self._dealt_with: set[str] = set()

    def _hear(self, message: wire.ServerMessage) -> None:
        self.record.add(message, self.client.server_now_ms())
        if self._at_bank is not None and isinstance(message, OrderNews):
            self._news.put_nowait(message)
        if self._on_message is not None:
            self._on_message(message)

    async def buy(self, offer: wire.OfferCard) -> None:
        """Claim at the planned moment and again while units may come back, then do with the hold as planned."""
        starts_in_s = (offer.starts_at_ms - self.client.server_now_ms()) / 1000
        await asyncio.sleep(max(0.0, starts_in_s) + self.plan.tap_after_s)
        quantity, first = self.plan.quantity, True
        while True:
            answer = await self._claim(offer.offer_id, quantity, first=first)
            hold_id = self._new_hold()
            if hold_id is not None:
                await self._finish(offer, hold_id)
                return
            if isinstance(answer, wire.ClaimRefused) and not answer.temporary and quantity == 1:
                return
            quantity, first = 1, False
            await asyncio.sleep(random.uniform(RETRY_FIRST_S, RETRY_LAST_S))  # noqa: S311 - jitter, not a secret

    async def _claim(self, offer_id: str, quantity: int, *, first: bool) -> ClaimAnswer:
        claim_id = new_ulid()
        claim = self.record.claims[claim_id] = ClaimRecord(quantity=quantity, sent_ms=self.client.server_now_ms())
        if not (first and (self.plan.double_taps or self.plan.cuts)):
            return await self.client.claim(offer_id, quantity, claim_id)
        tap = asyncio.ensure_future(self.client.claim(offer_id, quantity, claim_id))
        # When the server dies the second tap fails first, and nobody asks what became of this one.
        tap.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)
        if self.plan.double_taps:
            claim.sends += 1
            await self.client.claim(offer_id, quantity, claim_id)
        if self.plan.cuts:
            # The claim is on its way: whether it arrives is anybody's guess, as on a train.
            claim.cut = not tap.done()
            self.client.cut()
        return await tap

    def _new_hold(self) -> str | None:
        """A hold that nothing was done with yet; a repeated claim may be accepted after it was refused."""
        for hold_id in self.record.holds:
            if hold_id not in self._dealt_with:
                return hold_id
        return None

    async def _finish(self, offer: wire.OfferCard, hold_id: str) -> None:
        self._dealt_with.add(hold_id)
        is_late = self.client.server_now_ms() - offer.starts_at_ms > LATE_AFTER_S * 1000
        ending = "pay" if is_late else self.plan.ending
        if ending == "pay":
            await self._pay(hold_id, self.plan.sure_method if is_late else self.plan.payment_method)
            if self._at_bank is not None:
                await self._do_as_told(self._at_bank, hold_id)
        elif ending == "release":
            await self.client.release(hold_id)

    async def _pay(self, hold_id: str, payment_method: str) -> None:
        """Check a hold out, again after temporary errors."""
        for attempt in range(CHECKOUT_TRIES):
            try:
                await self.client.checkout(hold_id, payment_method)
            except ServerRefusedError as error:
                if not error.said.temporary:
                    return
                await asyncio.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - jitter, not a secret
            else:
                return

    async def _do_as_told(self, at_bank: AtTheBank, hold_id: str) -> None:
        """Wait for what the order needs of its buyer, and do it; nothing when it ends without."""
        try:
            async with asyncio.timeout(ACTION_TIMEOUT_S):
                news = await self._news.get()
                while news.hold_id != hold_id or isinstance(news, wire.OrderSubmitted):
                    news = await self._news.get()
        except TimeoutError:
            return  # the order is still on its way, and whoever waits for quiet will see it
        if isinstance(news, wire.OrderAction):
            await at_bank.act(self.plan.at_bank, news)

    async def pay_again(self) -> Repeat:
        """Check a hold out that has its order already."""
        hold_id, orders = next(iter(self.record.order_of.items()))
        answer = await self._answer_to(self.client.checkout(hold_id, self.plan.sure_method))
        second = answer.order_id if isinstance(answer, OrderNews) else str(answer)
        return Repeat(what=f"paying again for {hold_id}", first=" ".join(sorted(orders)), second=second)

    async def release_again(self) -> Repeat:
        """Give a hold back that was given back already."""
        hold_id = self.record.released[0]
        answer = await self._answer_to(self.client.release(hold_id))
        second = "released" if isinstance(answer, wire.HoldReleased) else str(answer)
        return Repeat(what=f"releasing {hold_id} again", first="released", second=second)

    @staticmethod
    async def _answer_to(request: Coroutine[None, None, wire.ServerMessage]) -> wire.ServerMessage | str:
        try:
            async with asyncio.timeout(REPEAT_TIMEOUT_S):
                return await request
        except TimeoutError:
            return "no answer"
        except ServerRefusedError as error:
            return f"error {error.code}"
