"""The host of a load test: what it calls and when; pure but for the sleep between two cues and the calls lent to it.

Locust's ``Host`` and the swarm both play it, each with an HTTP client of its own.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from loadtests.catalogue import catalogue
from loadtests.records import HostRecord
from loadtests.tiers import (
    DROP_EACH_MOST,
    DROP_SKU,
    HOLD_TTL_MS,
    PREHEAT_MS,
    PRICE_CENTS,
    TRICKLE_EACH_MOST,
    TRICKLE_SKU,
    TRICKLE_UNITS,
    Cue,
    Scene,
)

PRODUCTS: Final = 20
"""Of the catalogue that the host imports where its own products are missing."""

OFFER_MS: Final = 3_600_000
"""An offer runs so long unless it is closed: the host closes it."""

SHOW_SPARE_S: Final = 2.0
"""After the end of the show, until everyone who is there has heard of it."""

JOIN_SPARE_S: Final = 60.0
"""After the time of the join storm, until everyone has to be in."""

Call = Callable[[str, str, object | None], Any]
"""Gets a method, a path, and a body: a structure, CSV text, or None; returns the answer, and raises when it is a no."""


class Host:
    """The host of one show.

    Args:
        call: calls the API with a host's token.
        scene: what is played.
        tell: gets a line of progress.
        now_ms: the server's time, in milliseconds since the epoch; our own clock's if nothing is said.

    Attributes:
        record: what it has done.
    """

    def __init__(
        self, call: Call, scene: Scene, tell: Callable[[str], None], now_ms: Callable[[], float] | None = None
    ) -> None:
        self.record = HostRecord(show_id="")
        self._call = call
        self._scene = scene
        self._tell = tell
        self._now_ms = now_ms or _own_ms
        self._products: list[str] = []
        self._open: list[str] = []
        self._spotlights = 0

    def prepare(self) -> str:
        """Put goods on the shelf and schedule a show; return its id."""
        if not self._on_the_shelf():
            self._call("POST", "/v1/catalog/import", catalogue(PRODUCTS))
            self._on_the_shelf()
        drops = sum(cue.do == "drop" for cue in self._scene.cues)
        self._add_stock(DROP_SKU, drops * self._scene.tier.units)
        self._add_stock(TRICKLE_SKU, TRICKLE_UNITS)
        title = f"Load test {self._scene.tier_name} {self._scene.shape}"
        self.record.show_id = self._call("POST", "/v1/shows", {"title": title, "currency": "EUR"})["show_id"]
        return self.record.show_id

    def wait_full(self, show_id: str) -> None:
        """Wait until everyone is in, as far as the API knows; go on without the missing ones after a while."""
        gives_up_s = time.monotonic() + self._scene.tier.join_s + JOIN_SPARE_S
        while time.monotonic() < gives_up_s:
            if self._call("GET", f"/v1/shows/{show_id}", None)["viewers"] >= self._scene.tier.viewers:
                return
            time.sleep(0.5)
        self._tell("not everyone is in")

    def perform(self, show_id: str) -> None:
        """Play the show to its end; everyone is in."""
        self.record.show_id = show_id
        if not self._products:
            self._on_the_shelf()
        self._show("start")
        began_s = time.monotonic()
        for cue in self._scene.cues:
            _sleep_until(began_s + cue.at_s)
            self._tell(f"{cue.at_s:5.1f} s  {cue.do}")
            self._do(cue)
        _sleep_until(began_s + self._scene.length_s)
        self._show("end")
        time.sleep(SHOW_SPARE_S)
        self.record.ended = True

    def _do(self, cue: Cue) -> None:
        match cue.do:
            case "spotlight":
                self._spotlights += 1
                self._show("spotlight", {"product_ids": [self._products[self._spotlights % len(self._products)]]})
            case "drop":
                units = self._scene.tier.units
                self.record.drops[self._offer(DROP_SKU, units, preheat_ms=PREHEAT_MS)] = units
            case "trickle":
                self.record.trickles.append(self._offer(TRICKLE_SKU, TRICKLE_UNITS, preheat_ms=PREHEAT_MS))
                now_ms = self._now_ms()
                self.record.soaks_ms.append((now_ms + PREHEAT_MS, now_ms))
            case "close":
                offer_id = self._open.pop()
                self._call("POST", f"/v1/offers/{offer_id}/close", {})
                if offer_id in self.record.trickles:
                    self.record.soaks_ms[-1] = (self.record.soaks_ms[-1][0], self._now_ms())
            case "pause" | "resume":
                self._show(cue.do)

    def _offer(self, sku: str, units: int, *, preheat_ms: int) -> str:
        terms = {
            "sku": sku,
            "price": {"amount": PRICE_CENTS, "currency": "EUR"},
            "quantity": units,
            # Of what is given back all the time, some units may still be on their way.
            "per_buyer_limit": DROP_EACH_MOST if sku == DROP_SKU else 2 * TRICKLE_EACH_MOST,
            "preheat_ms": preheat_ms,
            "duration_ms": OFFER_MS,
            "hold_ttl_ms": HOLD_TTL_MS,
        }
        offer_id: str = self._call("POST", f"/v1/shows/{self.record.show_id}/offers", terms)["offer_id"]
        self._open.append(offer_id)
        return offer_id

    def _show(self, deed: str, body: object | None = None) -> None:
        self._call("POST", f"/v1/shows/{self.record.show_id}/{deed}", {} if body is None else body)

    def _on_the_shelf(self) -> bool:
        found = self._call("GET", "/v1/products?query=LOAD-&limit=50", None)["items"]
        self._products = [product["product_id"] for product in found]
        skus = {variant["sku"] for product in found for variant in product["variants"]}
        return {DROP_SKU, TRICKLE_SKU} <= skus

    def _add_stock(self, sku: str, units: int) -> None:
        if units:
            self._call("POST", "/v1/stock/adjust", {"sku": sku, "delta": units, "reason": "load test"})


def _own_ms() -> float:
    return time.time() * 1000


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(0.0, moment_s - time.monotonic()))
