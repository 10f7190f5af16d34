"""Everything runs on uvloop, as the program does; properties get more examples where nobody waits for them."""

import asyncio
import os
from collections.abc import Callable, Mapping

import uvloop
from hypothesis import settings

settings.register_profile("quick", max_examples=50)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("thorough" if os.environ.get("CI") else "quick")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let pytest-asyncio make uvloop's loops."""
    return {"uvloop": uvloop.new_event_loop}
