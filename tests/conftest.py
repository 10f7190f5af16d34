"""Everything runs on uvloop, as the program does."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let pytest-asyncio make uvloop's loops."""
    return {"uvloop": uvloop.new_event_loop}
