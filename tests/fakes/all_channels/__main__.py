"""The fake channels as one process: ``python -m tests.fakes.all_channels --api-url URL``, from the repository.

It serves nine channels and their control on free loopback ports, prints one line of JSON with the addresses, and then
keeps them together with the server at the API's address: it connects each as a channel there, and gives every SKU an
item. A host's token comes from the environment, as ``SHOWDROP_HOST_TOKEN``. It ends with SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import click
import httpx
import msgspec
import uvicorn
from starlette.types import ASGIApp

from tests.fakes.all_channels.companion import Companion
from tests.fakes.all_channels.control import Control
from tests.fakes.all_channels.stands import ALL


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``serve``."""
        yield


def _server(app: ASGIApp) -> _Server:
    return _Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1))


async def serve(api_url: str, token: str) -> None:
    """Run until a signal."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    stands = [make() for make in ALL]
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(len(stands) + 1)]
    addresses = [f"http://127.0.0.1:{door.getsockname()[1]}" for door in doors]
    urls = {stand.kind: address for stand, address in zip(stands, addresses, strict=False)}
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=api_url, headers=headers, trust_env=False) as api,
        httpx.AsyncClient(trust_env=False) as caller,
    ):
        companion = Companion(api, caller, stands)
        apps: list[ASGIApp] = [*(stand.app for stand in stands), Control(stands, urls, companion).app]
        servers = [_server(app) for app in apps]
        running = [asyncio.create_task(one.serve(sockets=[door])) for one, door in zip(servers, doors, strict=True)]
        keeping = asyncio.create_task(companion.run())
        click.echo(msgspec.json.encode({"control_url": addresses[-1], "urls": urls}).decode())
        ended = asyncio.create_task(stopped.wait())
        await asyncio.wait((keeping, ended, *running), return_when=asyncio.FIRST_COMPLETED)
        failed = not ended.done()
        for one in servers:
            one.should_exit = True
        for task in (keeping, ended):
            task.cancel()
        await asyncio.gather(*running, keeping, ended, return_exceptions=True)
    for door in doors:
        door.close()
    assert not failed, "a fake, or what keeps them together, ended by itself"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.fakes.all_channels", description="Nine channels on loopback."
    )
    parser.add_argument("--api-url", required=True, help="address of the server that sells there")
    asyncio.run(serve(parser.parse_args().api_url, os.environ["SHOWDROP_HOST_TOKEN"]))
