"""A show whose viewers buy: rounds of purchases, and what the public API says of them afterwards."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from loadtests.bench.bench import Bench
from loadtests.bench.host_http import PRICE_CENTS, Host
from loadtests.bench.limits import HOLD_LONG_MS
from loadtests.bench.paid_limits import FINISH_TIMEOUT_S, PAID_BEHIND_MOST_S, PAID_OFFERS, WARM_UP_PURCHASES
from loadtests.bench.purchase_crowd import PurchaseCrowd
from loadtests.bench.purchase_round import PurchasePlan, PurchaseReport
from loadtests.bench.server import SKU
from loadtests.bench.usage import Usage

_UNDER_WAY = ("submitted", "authorised", "confirmed")
_POLL_S = 0.05


class PaidRound(msgspec.Struct, frozen=True, kw_only=True):
    """A round, and how long after it everything was finished.

    Attributes:
        report: as the buyers saw it.
        usage: CPU time until the last confirmation.
        behind_s: from the report until every order was captured and every hold was told.
    """

    report: PurchaseReport
    usage: Usage
    behind_s: float


class PaidShow:
    """The show of a crowd that buys.

    Args:
        bench: the servers.
        crowd: is in.

    Attributes:
        doubts: what was found wrong with any round.
    """

    def __init__(self, bench: Bench, crowd: PurchaseCrowd) -> None:
        self.doubts: list[str] = []
        self._bench = bench
        self._crowd = crowd
        self._known: set[str] = set()  # orders of earlier rounds

    def warm_up(self) -> None:
        """Let some purchases happen that do not count, but have to be right."""
        self._play(1, WARM_UP_PURCHASES, in_flight=self._bench.sizes.paid_in_flight, over_s=0.0)

    def fast(self) -> PaidRound:
        """Let a round of purchases happen, each as soon as one before it is confirmed."""
        sizes = self._bench.sizes
        return self._play(PAID_OFFERS, sizes.paid_orders // PAID_OFFERS, in_flight=sizes.paid_in_flight, over_s=0.0)

    def paced(self, per_s: float) -> PaidRound:
        """Let purchases begin at a rate, however fast they are confirmed."""
        sizes = self._bench.sizes
        each = int(per_s * sizes.paid_paced_s)
        return self._play(1, each, in_flight=sizes.paid_viewers, over_s=sizes.paid_paced_s)

    def _play(self, count: int, each: int, *, in_flight: int, over_s: float) -> PaidRound:
        host, show_id = self._bench.stand.host, self._crowd.show_id
        self._bench.stand.more_stock(count * each)
        on_hand = host.on_hand(SKU)
        offers = host.open_offers(show_id, SKU, count, quantity=each, per_buyer_limit=each, hold_ttl_ms=HOLD_LONG_MS)
        self._crowd.rest()  # everyone has heard of them by then
        report, usage = self._crowd.buy(PurchasePlan(offers=offers, each=each, in_flight=in_flight, over_s=over_s))
        behind_s = self._wait_finished(offers)
        self.doubts += self._crowd.doubts(report)
        if behind_s > PAID_BEHIND_MOST_S:
            self.doubts.append(f"orders were finished {behind_s:.1f} s after they were confirmed")
        left = host.on_hand(SKU)
        if on_hand - left != count * each:
            self.doubts.append(f"{on_hand - left:,} units left the stock in {count * each:,} purchases")
        self.doubts += _wrong_offers(host, offers, each)
        self.doubts += self._wrong_orders(report)
        return PaidRound(report=report, usage=usage, behind_s=behind_s)

    def _wait_finished(self, offers: list[str]) -> float:
        """Return after how many seconds nothing was under way any more; ``FINISH_TIMEOUT_S`` when it still is."""
        host, began = self._bench.stand.host, time.monotonic()
        while (waited_s := time.monotonic() - began) < FINISH_TIMEOUT_S:
            if not any(self._under_way()) and not any(host.offer(offer_id)["held"] for offer_id in offers):
                return waited_s
            time.sleep(_POLL_S)
        return FINISH_TIMEOUT_S

    def _under_way(self) -> Iterator[dict[str, Any]]:
        for state in _UNDER_WAY:
            yield from self._bench.stand.host.orders(self._crowd.show_id, state=state, limit="1")

    def _wrong_orders(self, report: PurchaseReport) -> list[str]:
        """Compare what the buyers were told with the orders that there are, and with the show's report."""
        host, show_id = self._bench.stand.host, self._crowd.show_id
        new: list[dict[str, Any]] = []
        for order in host.orders(show_id):
            if order["order_id"] in self._known:
                break
            new.append(order)
        self._known |= {order["order_id"] for order in new}
        summed = host.report(show_id)
        found = {
            "orders that are not exactly those whose buyers were told": len(
                {(order["hold_id"], order["order_id"]) for order in new} ^ set(report.bought.items())
            ),
            "holds with two orders": len(new) - len({order["hold_id"] for order in new}),
            "orders that are not captured": sum(order["state"] != "captured" for order in new),
            "orders at another price": sum(order["amount"]["amount"] != PRICE_CENTS for order in new),
            "orders that the show's report does not have": len(self._known) - summed["orders"],
            "cents that the show's report does not have": len(self._known) * PRICE_CENTS - summed["gmv"]["amount"],
        }
        return [f"{count:,} {what}" for what, count in found.items() if count]


def _wrong_offers(host: Host, offers: list[str], each: int) -> list[str]:
    doubts = []
    for offer_id in offers:
        offer = host.offer(offer_id)
        counts = {name: offer[name] for name in ("sold", "held", "available")}
        if counts != {"sold": each, "held": 0, "available": 0}:
            doubts.append(f"an offer of {each:,} units has {counts} after all were bought")
    return doubts
