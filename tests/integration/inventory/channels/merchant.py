"""A merchant's server, for channels that are webhooks."""

import asyncio
import time

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import Response


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that the receiver took or refused."""

    webhook_id: str
    at: float
    headers: dict[str, str]
    body: bytes

    def levels(self) -> dict[str, int]:
        return {one["sku"]: one["quantity"] for one in msgspec.json.decode(self.body)["data"]["levels"]}


class Receiver:
    """A merchant's server: checks signatures, keeps the highest version of each level, and fails when asked to."""

    def __init__(self) -> None:
        self.url = ""
        self.secret: str | None = None
        self.calls: list[Call] = []
        self.shown: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.forged = 0
        self.answers: list[Response] = []  # used up first, the last one at the end
        self.gate = asyncio.Event()  # closed: calls wait before they are answered
        self.gate.set()
        self.called = asyncio.Event()

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if self.secret is not None:
            try:
                Webhook(self.secret).verify(body, dict(request.headers))
            except WebhookVerificationError:
                self.forged += 1
                return Response(status_code=401)
        headers = dict(request.headers)
        self.calls.append(Call(webhook_id=headers["webhook-id"], at=time.monotonic(), headers=headers, body=body))
        self.called.set()
        answer = self.answers.pop() if self.answers else Response(status_code=204)
        if answer.status_code < 300:
            self._take(body)
        await self.gate.wait()
        return answer

    def _take(self, body: bytes) -> None:
        for one in msgspec.json.decode(body)["data"]["levels"]:
            if one["version"] >= self.versions.get(one["sku"], 0):
                self.versions[one["sku"]] = one["version"]
                self.shown[one["sku"]] = one["quantity"]

    async def wait_called(self) -> None:
        self.called.clear()
        async with asyncio.timeout(10):
            await self.called.wait()
