"""Merchants' servers for webhooks, as one process: ``python -m live.bench.hook_receivers_http COUNT``.

It prints its port. ``POST /hook/N`` is a webhook. ``POST /mode/N`` says how it answers from now on: ``fine``, ``fail``
(503) or ``hang`` (never). ``GET /arrivals/N`` tells ``[[at_ns, {sku: quantity}], …]`` of the calls that it took, by the
monotonic clock of this machine when they had come, and forgets them; ``GET /calls/N`` counts all that ever came.
"""

import asyncio
import socket
import sys
import time

import click
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class _Level(msgspec.Struct):
    sku: str
    quantity: int


class _Data(msgspec.Struct):
    levels: list[_Level]


class _Body(msgspec.Struct):
    data: _Data


class _Hook:
    def __init__(self) -> None:
        self.mode = "fine"
        self.never = asyncio.Event()
        self.calls = 0
        self.arrivals: list[tuple[int, dict[str, int]]] = []

    async def take(self, request: Request) -> Response:
        self.calls += 1
        body = await request.body()
        at_ns = time.monotonic_ns()
        if self.mode == "hang":
            await self.never.wait()
        if self.mode == "fail":
            return Response(status_code=503)
        levels = msgspec.json.decode(body, type=_Body).data.levels
        self.arrivals.append((at_ns, {one.sku: one.quantity for one in levels}))
        return Response(status_code=204)


def hooks_app(count: int) -> Starlette:
    """Return the application."""
    hooks: list[_Hook] = [_Hook() for _ in range(count)]

    async def hook(request: Request) -> Response:
        one: _Hook = hooks[request.path_params["number"]]
        return await one.take(request)

    async def mode(request: Request) -> Response:
        hooks[request.path_params["number"]].mode = (await request.body()).decode()
        return Response(status_code=204)

    async def arrivals(request: Request) -> Response:
        one = hooks[request.path_params["number"]]
        answer = msgspec.json.encode(one.arrivals)
        one.arrivals = []
        return Response(answer, media_type="application/json")

    async def calls(request: Request) -> Response:
        return Response(str(hooks[request.path_params["number"]].calls))

    return Starlette(
        routes=[
            Route("/hook/{number:int}", hook, methods=["POST"]),
            Route("/mode/{number:int}", mode, methods=["POST"]),
            Route("/arrivals/{number:int}", arrivals, methods=["GET"]),
            Route("/calls/{number:int}", calls, methods=["GET"]),
        ]
    )


if __name__ == "__main__":
    door = socket.create_server(("127.0.0.1", 0))
    click.echo(str(door.getsockname()[1]))
    app = hooks_app(int(sys.argv[1]))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[door])
