"""The host of a trial: puts one product on sale, over HTTP as staff do."""

import httpx
import msgspec

from kit.ids import new_ulid
from live.views import OfferView, ShowView
from tests.faults.limits import HOLD_TTL_MS, HTTP_TIMEOUT_S, OFFER_MS, PER_BUYER_LIMIT

CATALOGUE = """Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price
mug,Mug,Clay,Title,Default Title,MUG,{units},19.99
"""


class Shop:
    """Calls the API with a host's token.

    Args:
        url: of the API.
        token: of a host.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=HTTP_TIMEOUT_S, trust_env=False
        )

    async def open_offer(self, units: int) -> OfferView:
        """Import a catalogue of one product, start a show, and offer ``units`` of it from now on."""
        await self._post("/v1/catalog/import", CATALOGUE.format(units=units).encode(), "text/csv")
        show = msgspec.json.decode(
            await self._post("/v1/shows", msgspec.json.encode({"title": "Faults", "currency": "EUR"})), type=ShowView
        )
        await self._post(f"/v1/shows/{show.show_id}/start", b"{}")
        terms = {
            "sku": "MUG",
            "price": {"amount": 1_999, "currency": "EUR"},
            "quantity": units,
            "per_buyer_limit": PER_BUYER_LIMIT,
            "preheat_ms": 0,
            "duration_ms": OFFER_MS,
            "hold_ttl_ms": HOLD_TTL_MS,
            "grace_ms": 0,
        }
        made = await self._post(f"/v1/shows/{show.show_id}/offers", msgspec.json.encode(terms))
        return msgspec.json.decode(made, type=OfferView)

    async def close_offer(self, offer_id: str) -> None:
        """Let the offer take no more claims."""
        await self._post(f"/v1/offers/{offer_id}/close", b"{}")

    async def sold(self, offer_id: str) -> int:
        """Return how many units the API says are sold."""
        answer = await self._client.get(f"/v1/offers/{offer_id}")
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=OfferView).sold

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        answer = await self._client.post(
            path, content=body, headers={"content-type": kind, "idempotency-key": new_ulid()}
        )
        assert answer.is_success, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.content
