"""The receiver of webhooks, over a real socket."""

import time

import httpx
import pytest

from loadtests.bench.hook_receiver import HookReceiver

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def call(url: str, **levels: int) -> int:
    told = [{"sku": sku, "quantity": quantity, "version": 1} for sku, quantity in levels.items()]
    body = {"type": "stock.levels", "data": {"channel_id": "chan_1", "levels": told}}
    return httpx.post(url, json=body, trust_env=False).status_code


def test_calls_are_taken_with_the_time_that_they_came_and_told_once() -> None:
    receiver = HookReceiver()
    try:
        began = time.monotonic_ns()
        assert call(receiver.url, a=4, b=0) == 204
        middle = time.monotonic_ns()
        assert call(receiver.url, a=3) == 204
        ended = time.monotonic_ns()
        (first_at, first), (second_at, second) = receiver.report()
        assert (first, second) == ({"a": 4, "b": 0}, {"a": 3})
        assert began < first_at < middle < second_at < ended
        assert receiver.report() == []
    finally:
        receiver.stop()
