"""The stories that the book machine tells.

``SHOWDROP_MACHINE_EXAMPLES`` sets how many there are (80 by default); ``SHOWDROP_MACHINE_SHRINK=0`` leaves a story that
fails as long as it is, which is quicker than making it short.
"""

import asyncio
import os

import uvloop
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kit.redis_client import connect_redis
from tests.integration.conftest import Servers
from tests.integration.inventory.book_machine import BookMachine

EXAMPLES = int(os.environ.get("SHOWDROP_MACHINE_EXAMPLES", "80"))
PHASES = [Phase.generate] if os.environ.get("SHOWDROP_MACHINE_SHRINK") == "0" else list(Phase)
STEPS = 50


def test_model_and_real_book_agree_in_whatever_order_things_happen(servers: Servers) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        redis = connect_redis(servers.redis_url)
        machine = type("Machine", (BookMachine,), {"runner": runner, "redis": redis})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    phases=PHASES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(redis.aclose())
