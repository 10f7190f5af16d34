"""Fake channels at their documented limits, on a clock that runs faster: for measuring, from the repository.

``python -m tests.fakes.paced_channels --skus 10000 --variants 10 --units 20 --speed 20`` serves eight channels and
their control on free loopback ports. Each has an item of every SKU (``BENCH-00000`` and so on, ``--variants`` of one
product) that shows ``--units``. It prints one line of JSON: ``{"control_url": …, "urls": {KIND: …}}``. ``GET /KIND`` of
the control tells ``{"settings": {…}, "calls": {path: n}, "over_pace": n, "items": [[sku, item_id, shown]]}``. It ends
with SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import click
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.fakes.paced_channels.paced import Paced, opened

NO_SERVER = "http://127.0.0.1:9"
"""Nobody pushes anything here."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``serve``."""
        yield


def _server(app: ASGIApp) -> _Server:
    return _Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1))


def _control(channels: list[Paced]) -> Starlette:
    by_kind = {one.stand.kind: one for one in channels}

    async def about(request: Request) -> Response:
        one = by_kind[request.path_params["kind"]]
        items = [(one.stand.skus[item_id], item_id, units) for item_id, units in one.stand.shows().items()]
        answer = {
            "settings": one.stand.settings(NO_SERVER),
            "calls": one.calls,
            "over_pace": one.over_pace,
            "items": items,
        }
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return Starlette(routes=[Route("/{kind}", about, methods=["GET"])])


async def serve(channels: list[Paced]) -> None:
    """Run until a signal."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(len(channels) + 1)]
    addresses = [f"http://127.0.0.1:{door.getsockname()[1]}" for door in doors]
    apps: list[ASGIApp] = [*channels, _control(channels)]
    servers = [_server(app) for app in apps]
    running = [asyncio.create_task(one.serve(sockets=[door])) for one, door in zip(servers, doors, strict=True)]
    urls = {one.stand.kind: address for one, address in zip(channels, addresses, strict=False)}
    click.echo(msgspec.json.encode({"control_url": addresses[-1], "urls": urls}).decode())
    await stopped.wait()
    for one in servers:
        one.should_exit = True
    await asyncio.gather(*running)
    for door in doors:
        door.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.paced_channels", description="Eight busy channels.")
    parser.add_argument("--skus", type=int, required=True)
    parser.add_argument("--variants", type=int, required=True, help="SKUs of one product")
    parser.add_argument("--units", type=int, required=True, help="what every item shows in the beginning")
    parser.add_argument("--speed", type=float, required=True, help="how much faster the channels' clocks run")
    given = parser.parse_args()
    # The standard loop sets no TCP_NODELAY on what an inherited socket accepts: each answer would take 40 ms longer.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(opened(given.skus, given.variants, given.units, given.speed)))
