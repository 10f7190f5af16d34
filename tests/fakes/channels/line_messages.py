"""The LINE Messaging API on loopback: messages to users, groups and followers, checked as messaging-api.yml says."""

import json
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BASE: Final = "/v2/bot/message"

_USER: Final = re.compile(r"U[0-9a-f]{32}")
_ANYBODY: Final = re.compile(r"[UCR][0-9a-f]{32}")
_SIZES: Final = {"xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl"}
_MARGINS: Final = {"none", "xs", "sm", "md", "lg", "xl", "xxl"}
_BUBBLE: Final = {"type", "direction", "styles", "header", "hero", "body", "footer", "size", "action"}
_BUBBLE_BYTES: Final = 30 * 1024
_ALT_CHARS: Final = 400

_FIELDS: Final[dict[str, tuple[set[str], set[str]]]] = {
    "box": ({"layout", "contents"}, {"spacing", "margin", "flex", "paddingAll", "backgroundColor", "action"}),
    "text": ({"text"}, {"size", "weight", "wrap", "margin", "color", "align", "flex", "maxLines", "style"}),
    "button": ({"action"}, {"style", "color", "height", "margin", "flex", "gravity"}),
    "image": ({"url"}, {"size", "aspectRatio", "aspectMode", "margin", "align", "action", "backgroundColor"}),
    "separator": (set(), {"margin", "color"}),
}
"""Of each component: what it needs, and what it may have beside ``type``."""

Json = dict[str, Any]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was taken."""

    verb: str
    to: tuple[str, ...]
    message: Json


class FakeLineMessages:
    """One official account.

    Attributes:
        sent: the calls that were taken, in order.
        accepted: retry keys that were taken.
        blocked: recipients that a push is refused for.
        planned: statuses that the next calls are answered instead; they are not applied.
        revoked: the token has ended.
    """

    token = "bG9uZy1saXZlZC1jaGFubmVsLWFjY2Vzcy10b2tlbg/+=="

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.accepted: set[UUID] = set()
        self.blocked: set[str] = set()
        self.planned: deque[int] = deque()
        self.revoked = False

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"{BASE}/push", self._push, methods=["POST"]),
                Route(f"{BASE}/multicast", self._multicast, methods=["POST"]),
                Route(f"{BASE}/broadcast", self._broadcast, methods=["POST"]),
            ]
        )

    async def _push(self, request: Request) -> Response:
        return await self._take(request, "push")

    async def _multicast(self, request: Request) -> Response:
        return await self._take(request, "multicast")

    async def _broadcast(self, request: Request) -> Response:
        return await self._take(request, "broadcast")

    async def _take(self, request: Request, verb: str) -> Response:
        if self.planned:
            return _error("not now", self.planned.popleft())
        if self.revoked or request.headers.get("authorization") != f"Bearer {self.token}":
            return _error("Authentication failed. Confirm that the access token is valid.", 401)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _error("the content type is wrong", 415)
        try:
            key = UUID(request.headers["x-line-retry-key"])
        except (KeyError, ValueError):
            return _error("Invalid retry key", 400)
        body = json.loads(await request.body())
        wrong = _wrong_call(body, verb)
        if wrong is not None:
            return _error("The request body has 1 error(s)", 400, wrong)
        to = body.get("to", [])
        recipients = (to,) if isinstance(to, str) else tuple(to)
        if key in self.accepted:
            return _error("The retry key is already accepted", 409)
        if self.blocked & set(recipients):
            return _error("Failed to send messages", 400)
        self.accepted.add(key)
        self.sent.append(Sent(verb=verb, to=recipients, message=body["messages"][0]))
        return JSONResponse({"sentMessages": [{"id": str(len(self.sent))}]} if verb == "push" else {})


def _wrong_call(body: Json, verb: str) -> str | None:
    """The first property that LINE does not take."""
    if set(body) - {"messages", "to", "notificationDisabled", "customAggregationUnits"}:
        return "/"
    to = body.get("to")
    if verb == "push" and not (isinstance(to, str) and _ANYBODY.fullmatch(to)):
        return "to"
    if verb == "multicast" and not (
        isinstance(to, list) and 1 <= len(to) <= 500 and len(set(to)) == len(to) and all(map(_USER.fullmatch, to))
    ):
        return "to"
    if verb == "broadcast" and to is not None:
        return "to"
    messages = body.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= 5:
        return "messages"
    return next(
        (wrong for place, one in enumerate(messages) if (wrong := _wrong_message(one, f"messages[{place}]"))), None
    )


def _wrong_message(message: Json, where: str) -> str | None:
    if message.get("type") != "flex" or set(message) - {"type", "altText", "contents", "quickReply", "sender"}:
        return where
    alt = message.get("altText")
    if not isinstance(alt, str) or not 1 <= len(alt.encode("utf-16-le")) // 2 <= _ALT_CHARS:
        return f"{where}/altText"
    bubble = message.get("contents")
    if not isinstance(bubble, dict) or bubble.get("type") != "bubble" or set(bubble) - _BUBBLE:
        return f"{where}/contents"
    if len(json.dumps(bubble).encode()) > _BUBBLE_BYTES:
        return f"{where}/contents"
    for block in ("header", "body", "footer"):
        if block in bubble and (bubble[block].get("type") != "box" or _wrong_component(bubble[block])):
            return f"{where}/contents/{block}"
    if "hero" in bubble and (bubble["hero"].get("type") not in {"box", "image"} or _wrong_component(bubble["hero"])):
        return f"{where}/contents/hero"
    return None


def _wrong_component(one: Mapping[str, Any]) -> bool:
    kind = one.get("type")
    if kind not in _FIELDS:
        return True
    needed, allowed = _FIELDS[str(kind)]
    names = set(one) - {"type"}
    if not needed <= names or names - needed - allowed:
        return True
    if one.get("margin", "none") not in _MARGINS or not isinstance(one.get("wrap", True), bool):
        return True
    if kind == "box":
        contents = one["contents"]
        return (
            one["layout"] not in {"horizontal", "vertical", "baseline"}
            or not contents
            or any(_wrong_component(inner) for inner in contents)
        )
    if kind == "text":
        return not one["text"] or one.get("size", "md") not in _SIZES or one.get("weight") not in {None, "bold"}
    if kind == "button":
        return one.get("style") not in {None, "primary", "secondary", "link"} or _wrong_action(one["action"])
    return _wrong_image(one) if kind == "image" else False


def _wrong_image(one: Mapping[str, Any]) -> bool:
    ratio = re.fullmatch(r"([1-9][0-9]*):([1-9][0-9]*)", one.get("aspectRatio", "1:1"))
    return (
        not one["url"].startswith("https://")
        or len(one["url"]) > 2_000
        or one.get("size", "md") not in _SIZES | {"full"}
        or one.get("aspectMode", "fit") not in {"fit", "cover"}
        or ratio is None
        or int(ratio[2]) > 3 * int(ratio[1])
    )


def _wrong_action(action: Mapping[str, Any]) -> bool:
    return (
        set(action) != {"type", "label", "uri"}
        or action["type"] != "uri"
        or not 1 <= len(action["label"]) <= 20
        or re.match(r"(?:https?|line|tel)://?", action["uri"]) is None
        or len(action["uri"]) > 1_000
    )


def _error(message: str, status: int, where: str | None = None) -> Response:
    details = [] if where is None else [{"message": "is wrong", "property": where}]
    return JSONResponse({"message": message, "details": details}, status_code=status)
