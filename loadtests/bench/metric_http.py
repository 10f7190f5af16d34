"""Asking a server over HTTP what it counts."""

import httpx

from loadtests.bench.limits import HTTP_TIMEOUT_S


def metric(url: str, series: str) -> float:
    """Return a metric's value from Prometheus text; ``series`` is its name with its labels. 0 when it is not there."""
    text = httpx.get(url, timeout=HTTP_TIMEOUT_S, trust_env=False).text
    found = (line.rpartition(" ") for line in text.splitlines())
    return next((float(value) for name, _, value in found if name == series), 0.0)
