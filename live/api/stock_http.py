"""Stock: corrections by staff."""

from typing import Annotated

import msgspec

from inventory.stock_pg import StockLedger
from kit.errors import InvalidError
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import Reason, Sku
from live.api.limits import JSON_BODY_MAX_BYTES, STOCK_DELTA_MOST_UNITS


class StockCorrection(Request, frozen=True):
    """How many units more (or, negative, fewer) there are than the ledger says."""

    sku: Sku
    delta: Annotated[int, msgspec.Meta(ge=-STOCK_DELTA_MOST_UNITS, le=STOCK_DELTA_MOST_UNITS)]
    reason: Reason


class StockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a SKU; ``available = on_hand - ring_fenced``."""

    sku: str
    on_hand: int
    ring_fenced: int
    available: int


class StockEndpoints:
    """The calls about stock."""

    def __init__(self, ledger: StockLedger) -> None:
        self._ledger = ledger

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "stock",
                "adjust_stock",
                "POST",
                "/v1/stock/adjust",
                "Correct the stock of a SKU",
                roles=STAFF,
                body=StockCorrection,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=StockAnswer,
                refusals=(404, 409),
                handle=self._adjust,
            )
        ]

    async def _adjust(self, call: Call[StockCorrection, Empty]) -> StockAnswer:
        if call.body.delta == 0:
            raise InvalidError("delta must not be 0", field="delta")
        level = await self._ledger.adjust(call.body.sku, call.body.delta, key=call.asked.seed, reason=call.body.reason)
        return StockAnswer(
            sku=level.sku, on_hand=level.on_hand, ring_fenced=level.ring_fenced, available=level.available
        )
