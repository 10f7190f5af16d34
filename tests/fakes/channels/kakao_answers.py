"""How the KakaoTalk Store on loopback says that something is wrong."""

from starlette.responses import JSONResponse, Response


def platform_error(code: int, message: str, status: int) -> Response:
    """An error of the platform's, for every Kakao API."""
    return JSONResponse({"code": code, "msg": message}, status_code=status)


def shop_error(code: int, message: str, status: int, validation: dict[str, list[str]] | None = None) -> Response:
    """An error of the shop's own."""
    extras = {"error_code": code, "error_message": message, "validation": validation}
    return JSONResponse({"code": -800, "msg": "shopping error", "extras": extras}, status_code=status)
