"""What the parts of the LINE MyShop on loopback share."""

import time

import msgspec
from starlette.responses import JSONResponse, Response


class Stock(msgspec.Struct, kw_only=True):
    """What there is of one inventory."""

    on_hand: int
    reserved: int = 0
    ready_to_ship: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved - self.ready_to_ship


def error(code: str, message: str, status: int) -> Response:
    """An error as LINE writes it."""
    body = {"code": code, "message": message, "info": {}, "timestamp": int(time.time())}
    return JSONResponse(body, status_code=status)
