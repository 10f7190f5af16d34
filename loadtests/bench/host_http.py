"""The host of a benchmark: shows and offers over public HTTP."""

import time
from itertools import count
from typing import Any, cast

import httpx

from loadtests.bench.limits import HTTP_TIMEOUT_S, READY_TIMEOUT_S
from loadtests.server_http import LoadError

_OFFER_S = 3_600
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

    def open_offer(self, show_id: str, sku: str, quantity: int) -> None:
        """Open an offer for an hour, and return when it takes claims.

        Raises:
            LoadError: it does not, in time.
        """
        body = {
            "sku": sku,
            "price": {"amount": 900, "currency": "EUR"},
            "quantity": quantity,
            "preheat_ms": 0,
            "duration_ms": _OFFER_S * 1000,
        }
        offer_id = self._post(f"/v1/shows/{show_id}/offers", body)["offer_id"]
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_at:
            if self._get(f"/v1/offers/{offer_id}")["state"] == "open":
                return
            time.sleep(0.1)
        raise LoadError("the offer did not open")

    def position(self, show_id: str) -> int:
        """Return the position up to which the API knows a show."""
        return int(self._get(f"/v1/shows/{show_id}")["position"]["seq"])

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _get(self, path: str) -> dict[str, Any]:
        return _answer(self._client.get(path))

    def _post(self, path: str, body: object) -> dict[str, Any]:
        return _answer(self._client.post(path, json=body, headers={"idempotency-key": f"bench-{next(_keys)}"}))


def _answer(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise LoadError(f"{response.request.method} {response.request.url.path}: {response.text[:300]}")
    return cast(dict[str, Any], response.json())
