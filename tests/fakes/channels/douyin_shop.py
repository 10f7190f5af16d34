"""What every part of the Douyin shop on loopback shares: its app, its access, its stock, and how it answers."""

import hashlib
import hmac
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REFRESH: Final = "/token/refresh"
SAME_TOKEN_S: Final = 3600

Handle = Callable[[Any], dict[str, Any] | None]


class Answered(Exception):  # noqa: N818 - an answer, not an error of the tests
    def __init__(self, code: int, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_msg)
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg


class DouyinShop:
    """The shop's door.

    Attributes:
        stock: by product and SKU, the units for sale.
        clock_s: its clock; the real one unless a test sets it.
        whole: the next calls are refused with these codes and sub codes.
        loses: paths whose next call is applied and its answer lost; once for each entry.
        raw: the next calls are answered with these bytes.
        as_text: numbers come as text.
        renewals: how often new tokens were made.
    """

    app_key = "1234567890123456789"
    app_secret = "the-app-secret-of-tests"
    shop_id = 4463798

    def __init__(self) -> None:
        self.stock: dict[tuple[int, int], int] = {}
        self.clock_s: int | None = None
        self.whole: deque[tuple[int, str]] = deque()
        self.loses: list[str] = []
        self.raw: deque[bytes] = deque()
        self.as_text = False
        self.renewals = 0
        self.lives_s = 7 * 24 * 3600
        self.tells_absolute_end = False
        self.revoked = False
        self._numbers = itertools.count(1)
        self._new_tokens()

    def now_s(self) -> int:
        return int(time.time()) if self.clock_s is None else self.clock_s

    def number(self, value: int) -> int | str:
        """A number as it comes in an answer."""
        return str(value) if self.as_text else value

    def end_access(self) -> None:
        """The access token ends before its time."""
        self.access_token = "ended"
        self.expires_at_s = 0

    def routes(self, handlers: Mapping[str, Handle]) -> list[Route]:
        return [Route(path, self._endpoint(path, handle), methods=["POST"]) for path, handle in handlers.items()]

    def refresh(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"grant_type", "refresh_token"})
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

    def _new_tokens(self) -> None:
        number = next(self._numbers)
        self.access_token = f"access-token-{number}"
        self.refresh_token = f"refresh-token-{number}"
        self.expires_at_s = int(time.time()) + self.lives_s

    def _endpoint(self, path: str, handle: Handle) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            if self.raw:
                return Response(self.raw.popleft(), media_type="application/json")
            answer: dict[str, Any] = {"msg": "success", "sub_code": "", "sub_msg": "", "log_id": "1", "data": None}
            try:
                self._check_caller(request, path, body)
                self._refuse_whole(path)
                data = handle(json.loads(body))
                answer |= {"code": 10000 if data is None else data.pop("code", 10000), "data": data}
            except Answered as answered:
                answer |= {"code": answered.code, "sub_code": answered.sub_code, "sub_msg": answered.sub_msg}
            if path in self.loses:
                self.loses.remove(path)
                return Response(status_code=504)
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


def only(given: Any, names: set[str], *, may: frozenset[str] = frozenset()) -> None:  # noqa: ANN401 - any JSON
    """Refuse a call that lacks one of the fields, or has one that is neither of them nor may be there."""
    if not isinstance(given, dict) or not names <= set(given) <= names | may:
        raise Answered(40004, "isv.parameter-invalid", f"the fields have to be {sorted(names)}")
