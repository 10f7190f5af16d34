"""The load: buyers who claim, pay, give back and let expire, until they have what they want or all is sold."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

from kit.ids import new_ulid
from live import wire
from live.client import ClientClosedError, ServerRefusedError, ShowdropClient
from tests.faults.limits import (
    AGAIN_S,
    EXPIRY_NEWS_MOST_S,
    LEAVE_BE_S,
    LIMIT_TRIES,
    NEWS_MOST_S,
    PER_BUYER_LIMIT,
    REPLY_MOST_S,
    SHOPPING_MOST_S,
    THINK_S,
)
from tests.faults.records import HoldRecord, Notes, Refusal

ORDER_ENDS = ("order.confirmed", "order.declined", "order.refunded", "order.unfulfillable")
NEVER = ("hold_released", "hold_expired", "unknown_hold")
"""Codes that say that a hold cannot be paid any more."""


def now_ms() -> int:
    """Return the time of this machine, which is Redis's too."""
    return time.time_ns() // 1_000_000


class Buyer:
    """One buyer with one connection.

    Args:
        ws_url: of the gateway.
        token: theirs.
        method: what they pay with.
        rng: decides what they do.
        notes: where they write.
    """

    def __init__(
        self,
        *,
        ws_url: str,
        show_id: str,
        offer_id: str,
        buyer_id: str,
        token: str,
        method: str,
        rng: random.Random,
        notes: Notes,
    ) -> None:
        self.buyer_id = buyer_id
        self.stock: wire.OfferStock | None = None
        self.stock_ms = 0
        self._offer_id = offer_id
        self._method = method
        self._rng = rng
        self._notes = notes
        self._asked_ms: dict[str, int] = {}  # claim_id -> when it was sent first
        self._news = asyncio.Event()
        self._began = 0.0
        self._doing = "arriving"
        self._done_with: set[str] = set()
        self.client = ShowdropClient(ws_url, show_id, token, on_message=self._hear, random01=rng.random)

    # --- what they hear ---

    def _hear(self, message: wire.ServerMessage) -> None:
        if isinstance(message, wire.Welcome):
            off_ms = abs(message.server_time_ms - now_ms())
            self._notes.clock_off_ms = max(self._notes.clock_off_ms, off_ms)
        elif isinstance(message, wire.ClaimAccepted):
            self._notes.holds.setdefault(
                message.hold_id,
                HoldRecord(
                    hold_id=message.hold_id,
                    buyer_id=self.buyer_id,
                    units=message.quantity,
                    asked_ms=self._asked_ms.get(message.claim_id, 0),
                    heard_ms=now_ms(),
                    expires_at_ms=message.expires_at_ms,
                ),
            )
        elif isinstance(message, wire.ClaimRefused):
            self._notes.refusals.append(Refusal(now_ms(), message.reason))
        elif isinstance(message, wire.OfferStock):
            self.stock, self.stock_ms = message, now_ms()
        elif isinstance(message, wire.HoldExpired | wire.HoldReleased):
            self._hear_end(message)
        elif isinstance(
            message,
            wire.OrderSubmitted
            | wire.OrderConfirmed
            | wire.OrderDeclined
            | wire.OrderRefunded
            | wire.OrderUnfulfillable,
        ):
            hold = self._notes.holds.get(message.hold_id)
            if hold is not None:
                hold.order_id = message.order_id
                hold.order_news.setdefault(str(message.__struct_config__.tag), now_ms())
        self._news.set()

    def _hear_end(self, message: wire.HoldExpired | wire.HoldReleased) -> None:
        hold = self._notes.holds.get(message.hold_id)
        if hold is not None and hold.ended_ms is None:
            hold.ended_ms = now_ms()
            hold.fate = "expired" if isinstance(message, wire.HoldExpired) else "released"

    async def _until(self, is_so: Callable[[], bool], within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not is_so():
                    self._news.clear()
                    await self._news.wait()
        return is_so()

    # --- what they do ---

    async def shop(self, began: float, arrives_s: float) -> None:
        """Arrive and buy; ``began`` is the loop's time at which the load began, ``arrives_s`` is counted from it."""
        self._began = began
        try:
            async with asyncio.timeout(SHOPPING_MOST_S), self.client:
                await asyncio.sleep(began + arrives_s - asyncio.get_running_loop().time())
                await self._buy()
                # For news that is on its way.
                await asyncio.sleep(0.1)
        except TimeoutError:
            self._notes.gave_up[f"{self._doing} ({self.client.phase})"] += 1
        except ClientClosedError as error:
            self._notes.clients_ended.append(str(error))

    async def _buy(self) -> None:
        bought, told_of_limit = 0, 0
        while bought < PER_BUYER_LIMIT:
            units = self._rng.randint(1, PER_BUYER_LIMIT - bought)
            hold, refusal = await self._claim(units)
            if hold is not None:
                told_of_limit = 0
                if await self._finish(hold):
                    bought += hold.units
            elif refusal is not None and refusal.reason == "buyer_limit":
                # An older book may still count a hold that is over.
                told_of_limit += 1
                if told_of_limit > LIMIT_TRIES:
                    self._notes.gave_up["told of a limit that they have not reached"] += 1
                    return
            elif refusal is not None and not refusal.temporary and units == 1:
                return
            elif refusal is not None and not refusal.temporary:
                continue
            await self._pause(AGAIN_S)

    async def _claim(self, units: int) -> tuple[HoldRecord | None, wire.ClaimRefused | None]:
        """Make one claim, the same one again while the answer is that of a fault."""
        claim_id = new_ulid()
        self._asked_ms[claim_id] = now_ms()
        self._notes.claims += 1
        self._doing = "waiting for the answer to a claim"
        while True:
            sent_ms = now_ms()
            self._notes.asked += 1
            answer = await self.client.claim(self._offer_id, units, claim_id)
            self._notes.answered(sent_ms, now_ms())
            if isinstance(answer, wire.ClaimAccepted):
                hold = self._notes.holds[answer.hold_id]
                # A repeated claim may be answered with a hold that has ended in the meantime.
                if hold.hold_id in self._done_with:
                    return None, None
                self._done_with.add(hold.hold_id)
                return hold, None
            assert isinstance(answer, wire.ClaimRefused), "nothing is drawn here"
            if answer.reason not in ("recovering", "rate_limited"):
                self._doing = f"refused as {answer.reason}"
                return None, answer
            await self._pause(AGAIN_S)

    async def _finish(self, hold: HoldRecord) -> bool:
        """Pay, give back or leave be; return whether the units are theirs."""
        is_early = asyncio.get_running_loop().time() - self._began < LEAVE_BE_S
        wish = self._rng.random()
        if wish < 0.4 and is_early:
            self._doing = "letting a hold run out"
            await self._until(lambda: hold.ended_ms is not None, self._left_s(hold) + EXPIRY_NEWS_MOST_S)
            return False
        await self._pause(THINK_S)
        if wish < 0.5:
            self._doing = "giving a hold back"
            hold.release_sent_ms = now_ms()
            await self._ask(hold, lambda: self.client.release(hold.hold_id))
            return False
        self._doing = "paying"
        hold.checkout_sent_ms = now_ms()
        while True:
            asked = await self._ask(hold, lambda: self.client.checkout(hold.hold_id, self._method))
            if not asked or hold.ended_ms is not None:
                return False
            if await self._until(lambda: _order_end(hold) is not None, NEWS_MOST_S):
                return _order_end(hold) == "order.confirmed"

    async def _ask(self, hold: HoldRecord, ask: Callable[[], Awaitable[wire.ServerMessage]]) -> bool:
        """Ask for something about a hold, again after temporary errors; false when it was refused for good."""
        while True:
            sent_ms, welcomes = now_ms(), self.client.welcomes
            try:
                async with asyncio.timeout(REPLY_MOST_S):
                    await ask()
            except TimeoutError:
                if self.client.phase == "live" and self.client.welcomes == welcomes:
                    self._notes.unanswered_ms.append(sent_ms)
            except ServerRefusedError as error:
                if not error.said.temporary:
                    hold.refused, hold.refused_ms = error.code, now_ms()
                    return False
                await self._pause(AGAIN_S)
            else:
                return True

    async def _pause(self, between_s: tuple[float, float]) -> None:
        await asyncio.sleep(self._rng.uniform(*between_s))

    @staticmethod
    def _left_s(hold: HoldRecord) -> float:
        return max(0.0, (hold.expires_at_ms - now_ms()) / 1000)


def _order_end(hold: HoldRecord) -> str | None:
    return next((kind for kind in ORDER_ENDS if kind in hold.order_news), None)
