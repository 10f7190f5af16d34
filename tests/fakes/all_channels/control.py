"""The fakes' own control over HTTP: see what each shows, buy something there, and let things go wrong.

Nobody but programs of this machine reaches it, and a web page cannot: it takes JSON only.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.all_channels.companion import Companion
from tests.fakes.all_channels.stand import NoOrdersError, Stand
from tests.fakes.channels.troubles import Throttled

WAYS: Final = (
    "GET /CHANNEL: what each of its items shows",
    'POST /CHANNEL/orders {"sku": "...", "quantity": 1}: somebody buys it there',
    'POST /CHANNEL/troubles {"down": true, "slow_s": 2, "fail": 3, "lose": 3, "throttle": 3}: any of them',
)


_T = TypeVar("_T")


class TroublesBody(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong from now on; None leaves it as it is. See ``Troubles``."""

    down: bool | None = None
    slow_s: float | None = None
    fail: int | None = None
    lose: int | None = None
    throttle: int | None = None


class OrderBody(msgspec.Struct, forbid_unknown_fields=True):
    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Wrong(Exception):  # noqa: N818 - an answer, not an error of the fakes
    """An answer other than 200."""

    def __init__(self, why: str, status: HTTPStatus) -> None:
        super().__init__(why)
        self.status = status


class Control:
    """One address for all fakes; serve ``app``."""

    def __init__(self, stands: Sequence[Stand], urls: dict[str, str], companion: Companion) -> None:
        self._stands = {one.kind: one for one in stands}
        self._urls = urls
        self._companion = companion
        self.app = Starlette(
            routes=[
                Route("/", self._all, methods=["GET"]),
                Route("/{kind}", self._one, methods=["GET"]),
                Route("/{kind}/orders", self._order, methods=["POST"]),
                Route("/{kind}/troubles", self._trouble, methods=["POST"]),
            ],
            exception_handlers={_Wrong: _said},
        )

    async def _all(self, request: Request) -> Response:
        del request
        channels = {kind: self._about(kind, stand) for kind, stand in self._stands.items()}
        keeping = {"trouble": self._companion.trouble, "unconnected": self._companion.unconnected}
        return _json({"ways": WAYS, **keeping, "channels": channels})

    async def _one(self, request: Request) -> Response:
        stand = self._stand(request)
        items = [
            {"sku": stand.skus.get(item_id, ""), "item_id": item_id, "shows": units}
            for item_id, units in stand.shows().items()
        ]
        return _json(self._about(stand.kind, stand) | {"by_path": stand.troubles.calls, "items": items})

    async def _order(self, request: Request) -> Response:
        stand, body = self._stand(request), await _body(request, OrderBody)
        shown = stand.shows()
        item_id = next((one for one, sku in stand.skus.items() if sku == body.sku), None)
        if item_id is None:
            raise _Wrong("there is no such SKU", HTTPStatus.NOT_FOUND)
        if shown.get(item_id, 0) < body.quantity:
            raise _Wrong(f"there are only {shown.get(item_id, 0)}", HTTPStatus.CONFLICT)
        try:
            sale = stand.sell(item_id, body.quantity)
        except NoOrdersError as error:
            raise _Wrong(str(error), HTTPStatus.CONFLICT) from None
        told = None if sale.hook is None else await self._companion.push(stand, sale.hook)
        return _json({"order_id": sale.order_id, "pushes": sale.hook is not None, "push_answered": told})

    async def _trouble(self, request: Request) -> Response:
        stand, body = self._stand(request), await _body(request, TroublesBody)
        troubles = stand.troubles
        troubles.down = troubles.down if body.down is None else body.down
        troubles.slow_s = troubles.slow_s if body.slow_s is None else body.slow_s
        troubles.fail = troubles.fail if body.fail is None else body.fail
        troubles.lose = troubles.lose if body.lose is None else body.lose
        if body.throttle is not None:
            troubles.throttle.clear()
            troubles.throttle.extend([Throttled()] * body.throttle)
        return _json(self._about(stand.kind, stand))

    def _stand(self, request: Request) -> Stand:
        stand = self._stands.get(request.path_params["kind"])
        if stand is None:
            raise _Wrong("there is no fake of that kind", HTTPStatus.NOT_FOUND)
        return stand

    def _about(self, kind: str, stand: Stand) -> dict[str, object]:
        troubles = stand.troubles
        return {
            "name": stand.name,
            "url": self._urls[kind],
            "items": len(stand.skus),
            "calls": sum(troubles.calls.values()),
            "over_pace": troubles.over_pace,
            "down": troubles.down,
            "slow_s": troubles.slow_s,
            "fail": troubles.fail,
            "lose": troubles.lose,
            "throttle": len(troubles.throttle),
        }


def _json(answer: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")


async def _body(request: Request, form: type[_T]) -> _T:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise _Wrong("say that it is JSON: content-type: application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except msgspec.DecodeError as error:
        raise _Wrong(str(error), HTTPStatus.BAD_REQUEST) from error


def _said(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, _Wrong)
    return _json({"error": str(error)}, error.status)
