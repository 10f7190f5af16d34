"""What orchestrators and dashboards ask: does it live, is it ready, what does it count."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry

from kit.errors import UnavailableError
from kit.metrics import CONTENT_TYPE, render_metrics
from live.api.endpoint import Bytes, Call, Empty, Endpoint, endpoint
from live.api.health import Check, Readiness
from live.api.limits import CHECK_TIMEOUT_S


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process runs; ``role`` tells it from a gateway and a worker."""

    status: Literal["ok"] = "ok"
    role: Literal["api"] = "api"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Every dependency answers; ``checks`` names them."""

    checks: list[str]
    status: Literal["ready"] = "ready"


class HealthEndpoints:
    """The three calls that every port serves.

    Args:
        checks: what has to answer, by name.
        registry: what ``/metrics`` shows.
    """

    def __init__(self, checks: Mapping[str, Check], registry: CollectorRegistry) -> None:
        self._checks = checks
        self._readiness = Readiness(checks, timeout_s=CHECK_TIMEOUT_S)
        self._registry = registry

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "health",
                "get_health",
                "GET",
                "/healthz",
                "200 while the process lives",
                roles=None,
                body=Empty,
                query=Empty,
                answer=Alive,
                handle=self._alive,
            ),
            endpoint(
                "health",
                "get_readiness",
                "GET",
                "/readyz",
                "200 while every dependency answers; else 503 and details.failing says which do not",
                roles=None,
                body=Empty,
                query=Empty,
                answer=Ready,
                handle=self._ready,
            ),
            endpoint(
                "health",
                "get_metrics",
                "GET",
                "/metrics",
                "Prometheus text",
                roles=None,
                body=Empty,
                query=Empty,
                answer=None,
                answer_media=("text/plain",),
                handle=self._metrics,
            ),
        ]

    async def _alive(self, call: Call[Empty, Empty]) -> Alive:  # noqa: ARG002 - a handler takes the call
        return Alive()

    async def _ready(self, call: Call[Empty, Empty]) -> Ready:  # noqa: ARG002 - a handler takes the call
        failing = await self._readiness.failing()
        if failing:
            raise UnavailableError(f"not ready: {', '.join(failing)}", code="not_ready", details={"failing": failing})
        return Ready(checks=list(self._checks))

    async def _metrics(self, call: Call[Empty, Empty]) -> Bytes:  # noqa: ARG002 - a handler takes the call
        return Bytes(content=render_metrics(self._registry), media_type=CONTENT_TYPE)
