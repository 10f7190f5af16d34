"""A stateful shop of Douyin on loopback: it checks every call as the real one documents, and can be told to refuse."""

import hashlib
import hmac
import itertools
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

UPDATE: Final = "/sku/syncStockBatchMultiProducts"
STOCK: Final = "/sku/stockNum"
REFRESH: Final = "/token/refresh"
MOST_SKUS: Final = 50
SAME_TOKEN_S: Final = 3600
NOT_THERE: Final = 2010009


class Answered(Exception):  # noqa: N818 - an answer, not an error of the tests
    def __init__(self, code: int, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_msg)
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg


class FakeDouyin:
    """One shop with one app.

    Attributes:
        stock: by product and SKU, the units for sale.
        by_region: SKUs whose stock is told by region only.
        refused: by SKU, the code that it alone is refused with.
        whole: the next updates and questions are refused with these codes and sub codes.
        raw: the next calls are answered with these bytes.
        is_all_or_nothing: it does not know ``allow_partial_success``.
        as_text: numbers of results come as text.
        updates: the names of the updates that were accepted.
        renewals: how often new tokens were made.
    """

    app_key = "1234567890123456789"
    app_secret = "the-app-secret-of-tests"
    shop_id = 4463798

    def __init__(self) -> None:
        self.stock: dict[tuple[int, int], int] = {}
        self.by_region: set[int] = set()
        self.refused: dict[int, int] = {}
        self.whole: deque[tuple[int, str]] = deque()
        self.raw: deque[bytes] = deque()
        self.is_all_or_nothing = False
        self.as_text = False
        self.updates: list[str] = []
        self.renewals = 0
        self.lives_s = 7 * 24 * 3600
        self.tells_absolute_end = False
        self.revoked = False
        self._numbers = itertools.count(1)
        self._new_tokens()

    @property
    def app(self) -> Starlette:
        handlers: dict[str, Callable[[Any], dict[str, Any]]] = {
            UPDATE: self._update,
            STOCK: self._stock_num,
            REFRESH: self._refresh,
        }
        return Starlette(
            routes=[Route(path, self._endpoint(path, handlers[path]), methods=["POST"]) for path in handlers]
        )

    def end_access(self) -> None:
        """The access token ends before its time."""
        self.access_token = "ended"
        self.expires_at_s = 0

    # --- the API ---

    def _new_tokens(self) -> None:
        number = next(self._numbers)
        self.access_token = f"access-token-{number}"
        self.refresh_token = f"refresh-token-{number}"
        self.expires_at_s = int(time.time()) + self.lives_s

    def _endpoint(self, path: str, handle: Callable[[Any], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            if self.raw:
                return Response(self.raw.popleft(), media_type="application/json")
            answer: dict[str, Any] = {"msg": "success", "sub_code": "", "sub_msg": "", "log_id": "1", "data": None}
            try:
                self._check_caller(request, path, body)
                self._refuse_whole(path)
                data = handle(json.loads(body))
                answer |= {"code": data.pop("code", 10000), "data": data}
            except Answered as answered:
                answer |= {"code": answered.code, "sub_code": answered.sub_code, "sub_msg": answered.sub_msg}
            return JSONResponse(answer)

        return endpoint

    def _refuse_whole(self, path: str) -> None:
        if self.whole and path != REFRESH:
            code, sub_code = self.whole.popleft()
            raise Answered(code, sub_code, "refused as a whole")

    def _check_caller(self, request: Request, path: str, body: bytes) -> None:
        query = dict(request.query_params)
        token = query.pop("access_token", None)
        if set(query) != {"app_key", "method", "timestamp", "v", "sign", "sign_method"} or query["v"] != "2":
            raise Answered(40001, "isv.missing-parameter", "parameters")
        if request.headers.get("x-open-no-old-err-code") != "1":
            raise Answered(40001, "isv.missing-parameter", "old error codes")
        if query["app_key"] != self.app_key:
            raise Answered(40003, "isv.app-id-invalid", "app_key")
        if not -600 <= int(query["timestamp"]) - time.time() <= 600:
            raise Answered(40003, "isv.timestamp-invalid", "timestamp")
        written = json.dumps(json.loads(body), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        signed = {"app_key": self.app_key, "method": path[1:].replace("/", "."), "param_json": written}
        signed |= {"timestamp": query["timestamp"], "v": "2"}
        text = self.app_secret + "".join(name + value for name, value in signed.items()) + self.app_secret
        right = hmac.new(self.app_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        is_right = query["sign_method"] == "hmac-sha256" and hmac.compare_digest(right, query["sign"])
        if not is_right or body != written.encode():
            raise Answered(40003, "isv.signature-invalid", "sign")
        if path != REFRESH and token != self.access_token:
            raise Answered(40003, "isv.access-token-expired", "access_token has ended")

    def _refresh(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        _only(params, {"grant_type", "refresh_token"})
        if self.revoked or params != {"grant_type": "refresh_token", "refresh_token": self.refresh_token}:
            told = params["refresh_token"]
            raise Answered(50001, "dop.token-generate-failed:token-invalid", f"no token for {told}")
        if self.expires_at_s - time.time() <= SAME_TOKEN_S:
            self._new_tokens()
            self.renewals += 1
        return {
            "access_token": self.access_token,
            "expires_in": self.expires_at_s if self.tells_absolute_end else self.expires_at_s - int(time.time()),
            "refresh_token": self.refresh_token,
            "scope": "SCOPE",
            "shop_id": self.shop_id,
            "shop_name": "the shop",
        }

    def _update(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        _only(params, {"items", "incremental", "idempotent_id", "allow_partial_success"})
        items, name = params["items"], params["idempotent_id"]
        if not 1 <= len(items) <= MOST_SKUS or params["incremental"] is not False or not name:
            raise Answered(40004, "isv.parameter-invalid", "items")
        if name in self.updates:
            raise Answered(50002, "isv.business-failed:-20002", "the token has been used")
        for item in items:
            _only(item, {"product_id", "sku_id", "stock_num"})
            if any(type(value) is not int or value < 0 for value in item.values()):
                raise Answered(40004, "isv.parameter-invalid", "numbers")
        codes = [self._code_of(item) for item in items]
        if any(codes) and (self.is_all_or_nothing or params["allow_partial_success"] is not True):
            raise Answered(50002, f"isv.business-failed:{next(filter(None, codes))}", "one of them cannot be set")
        self.updates.append(name)
        results = [self._set(item, code) for item, code in zip(items, codes, strict=True)]
        return {"code": 10001 if any(codes) else 10000, "results": results}

    def _code_of(self, item: dict[str, int]) -> int:
        if (item["product_id"], item["sku_id"]) not in self.stock:
            return NOT_THERE
        return self.refused.get(item["sku_id"], 0)

    def _set(self, item: dict[str, int], code: int) -> dict[str, Any]:
        if code == 0:
            self.stock[item["product_id"], item["sku_id"]] = item["stock_num"]
        number: Callable[[int], int | str] = str if self.as_text else int
        message = f"because of {code}" if code else ""
        return {"sku_id": number(item["sku_id"]), "status_code": number(code), "status_message": message}

    def _stock_num(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        _only(params, {"sku_id"})
        for (_, sku_id), units in self.stock.items():
            if sku_id == params["sku_id"]:
                if sku_id in self.by_region:
                    return {"sku_id": sku_id, "sku_type": 1, "stock_num": None, "stock_num_map": {"w1": units}}
                return {"sku_id": sku_id, "sku_type": 0, "stock_num": units, "prehold_stock_num": 0}
        raise Answered(50002, f"isv.business-failed:{NOT_THERE}", "no such SKU")


def _only(given: Any, names: set[str]) -> None:  # noqa: ANN401 - any JSON
    if not isinstance(given, dict) or set(given) != names:
        raise Answered(40004, "isv.parameter-invalid", f"the fields have to be {sorted(names)}")
