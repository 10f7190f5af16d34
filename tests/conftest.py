"""Everything runs on uvloop, as the program does; properties get more examples where nobody waits for them."""

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest
import uvloop
from hypothesis import settings

settings.register_profile("quick", max_examples=50)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("thorough" if os.environ.get("CI") else "quick")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let pytest-asyncio make uvloop's loops."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what a test has to say although it passed: its ``record_property("notice", line)``."""
    # Properties come along from the processes of xdist, printed lines do not.
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    for one in reports:
        for line in [line for name, line in getattr(one, "user_properties", ()) if name == "notice"]:
            terminalreporter.write_line(f"NOTICE {one.nodeid}: {line}", yellow=True)
