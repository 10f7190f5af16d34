"""The host of a benchmark: shows, offers, stock and channels over public HTTP."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any, Final, cast

import httpx

from loadtests.bench.limits import HTTP_TIMEOUT_S, READY_TIMEOUT_S
from loadtests.errors import LoadError

_OFFER_S = 3_600
PRICE_CENTS: Final = 900
"""Of one unit of any offer."""

PAGE_ORDERS: Final = 1_000
"""Orders of one page: as many as the API gives."""

_keys = count(1)


class Host:
    """Calls the API with a host's token.

    Args:
        url: base address of the API.
        token: a host token for the whole shop.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=HTTP_TIMEOUT_S, trust_env=False
        )

    def new_show(self) -> str:
        """Return the id of a show that has been started."""
        show_id = str(self._post("/v1/shows", {"title": "Benchmark", "currency": "EUR"})["show_id"])
        self._post(f"/v1/shows/{show_id}/start", {})
        return show_id

    def open_offer(self, show_id: str, sku: str, quantity: int) -> str:
        """Open an offer for an hour, and return its id when it takes claims.

        Raises:
            LoadError: it does not, in time.
        """
        [offer_id] = self.open_offers(show_id, sku, 1, quantity=quantity)
        return offer_id

    def open_offers(self, show_id: str, sku: str, count: int, **terms: int) -> list[str]:
        """Open ``count`` offers of the same terms for an hour, and return their ids when all take claims.

        Args:
            show_id: the show.
            sku: what is sold.
            count: how many offers.
            terms: ``quantity``, and what else is not to be as usual, such as ``per_buyer_limit``.

        Raises:
            LoadError: they do not, in time.
        """
        body: dict[str, Any] = {
            "sku": sku,
            "price": {"amount": PRICE_CENTS, "currency": "EUR"},
            "preheat_ms": 0,
            "duration_ms": _OFFER_S * 1000,
        }
        offer_ids = [str(self._post(f"/v1/shows/{show_id}/offers", body | terms)["offer_id"]) for _ in range(count)]
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        for offer_id in offer_ids:
            while self.offer(offer_id)["state"] != "open":
                if time.monotonic() > gives_up_at:
                    raise LoadError("the offer did not open")
                time.sleep(0.1)
        return offer_ids

    def offer(self, offer_id: str) -> dict[str, Any]:
        """Return an offer with its counters."""
        return self._get(f"/v1/offers/{offer_id}")

    def add_stock(self, sku: str, units: int) -> None:
        """Put more units of a SKU on the shelf."""
        self._post("/v1/stock/adjust", {"sku": sku, "delta": units, "reason": "benchmark"})

    def sell(self, sku: str) -> int:
        """Take a unit of a SKU off the shelf; return how many may still be sold."""
        return int(self._post("/v1/stock/adjust", {"sku": sku, "delta": -1, "reason": "benchmark"})["available"])

    def connect_webhook(self, url: str) -> str:
        """Let a webhook be told of the stock; return the channel's id."""
        return str(self._post("/v1/channels", {"kind": "webhook", "name": "Benchmark", "url": url})["channel_id"])

    def behind(self, channel_id: str) -> int:
        """Return how many levels a channel has still to be told."""
        channels = self._get("/v1/channels")["items"]
        return next(int(one["behind"]) for one in channels if one["channel_id"] == channel_id)

    def on_hand(self, sku: str) -> int:
        """Return how many units of a SKU the stock counter says there are."""
        found = self._get("/v1/products", {"query": sku})["items"]
        return next(int(one["on_hand"]) for product in found for one in product["variants"] if one["sku"] == sku)

    def orders(self, show_id: str, **which: str) -> Iterator[dict[str, Any]]:
        """Yield the orders of a show, newest first, as they are when their page is read.

        Args:
            show_id: the show.
            which: further conditions of the query, such as ``state``.
        """
        after: str | None = None
        while True:
            query = {"show_id": show_id, "limit": str(PAGE_ORDERS), **which} | (
                {} if after is None else {"after": after}
            )
            page = self._get("/v1/orders", query)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def report(self, show_id: str) -> dict[str, Any]:
        """Return what a show has brought so far."""
        return self._get(f"/v1/shows/{show_id}/report")

    def position(self, show_id: str) -> int:
        """Return the position up to which the API knows a show."""
        return int(self._get(f"/v1/shows/{show_id}")["position"]["seq"])

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        return _answer(self._client.get(path, params=query))

    def _post(self, path: str, body: object) -> dict[str, Any]:
        return _answer(self._client.post(path, json=body, headers={"idempotency-key": f"bench-{next(_keys)}"}))


def _answer(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise LoadError(f"{response.request.method} {response.request.url.path}: {response.text[:300]}")
    return cast(dict[str, Any], response.json())
