"""A worker in a process of its own, with a small port that tells an operator how its loops do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.log import logger
from kit.metrics import CONTENT_TYPE, new_registry, render_metrics
from kit.migrate import missing_migrations
from live.api.health import Readiness
from live.api.limits import CHECK_TIMEOUT_S
from live.roles.limits import SCHEMA_LOOK_S
from live.roles.ports import listen
from live.roles.server_http import HttpServer
from live.roles.siblings import Answer, readiness
from live.roles.stores import Place
from live.roles.worker import WorkerRole
from live.schema import MIGRATIONS

JSON = "application/json"

_log = logger("roles")


class Liveness(msgspec.Struct, kw_only=True):
    """The body of ``/healthz``.

    Attributes:
        status: ``ok`` or ``stuck``.
        role: tells it from an API and a gateway.
        loops: the names of those whose round does not end.
    """

    status: str
    role: Literal["worker"] = "worker"
    loops: list[str]


class WorkerHealth:
    """What the port answers: before the worker has started, what it waits for.

    Args:
        registry: what ``/metrics`` shows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._worker: WorkerRole | None = None
        self._readiness: Readiness | None = None
        self.waits_for: Mapping[str, str] = {"worker": "it starts"}

    def started(self, worker: WorkerRole) -> None:
        """Answer for this worker from now on."""
        self._worker = worker
        self._readiness = Readiness(worker.checks, timeout_s=CHECK_TIMEOUT_S)

    async def healthz(self) -> Answer:
        """200 while every watched loop turns, and while there is none yet; else 503 with the names of the others."""
        stuck = [] if self._worker is None else self._worker.stuck()
        body = Liveness(status="stuck" if stuck else "ok", loops=stuck)
        return 503 if stuck else 200, JSON, msgspec.json.encode(body)

    async def readyz(self) -> Answer:
        """200 while Postgres, Redis and the schema answer; else 503 and the body names those that do not."""
        if self._readiness is None:
            return readiness(dict(self.waits_for))
        return readiness(await self._readiness.failing())

    async def metrics(self) -> Answer:
        """Prometheus text."""
        return 200, CONTENT_TYPE, render_metrics(self._registry)


class LoneWorker:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, worker: WorkerRole, serving: "asyncio.Task[None]", opened: AsyncExitStack) -> None:
        self._worker = worker
        self._serving = serving
        self._opened = opened

    @classmethod
    async def start(cls, place: Place) -> "LoneWorker":
        """Listen, wait until the database has every migration, and start the loops; nothing stays open when that fails.

        Args:
            place: its settings have a ``worker_port``.

        Raises:
            StartupError: the port is taken.
            SettingError: REDIS_URL or DATABASE_URL is malformed.
            UnavailableError: Postgres or Redis does not answer.
        """
        port = place.settings.worker_port
        assert port is not None
        async with AsyncExitStack() as stack:
            listening = stack.enter_context(listen(place.settings.host, port, "SHOWDROP_WORKER_PORT"))
            registry = new_registry()
            health = WorkerHealth(registry)
            server = HttpServer(health_app(health))
            serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
            stack.push_async_callback(server.end, serving)
            await _until_migrated(place, health)
            worker = await WorkerRole.start(place, demo=False, registry=registry)
            stack.push_async_callback(worker.stop)
            health.started(worker)
            return cls(worker, serving, stack.pop_all())

    async def failed(self) -> str:
        """Wait, without limit, until a loop or the port ends by itself; return one line that says which."""
        return await self._worker.failed(self._serving)

    async def stop(self) -> None:
        """Stop the worker, then close the port."""
        await self._opened.aclose()


def health_app(health: WorkerHealth) -> Starlette:
    """Return the application of the port: three paths, GET only."""
    answers = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": health.metrics}
    return Starlette(routes=[Route(path, _endpoint(answer)) for path, answer in answers.items()])


def _endpoint(answer: Callable[[], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        status, media_type, body = await answer()
        return Response(body, status, media_type=media_type, headers={"cache-control": "no-store"})

    return endpoint


async def _until_migrated(place: Place, health: WorkerHealth) -> None:
    """Wait, without limit, while migrations are missing: those who deploy may start all roles and migrate at once."""
    said = False
    while missing := await asyncio.to_thread(missing_migrations, place.database_url, MIGRATIONS):
        reason = f"the database lacks migrations ({', '.join(missing)}); run showdrop migrate"
        health.waits_for = {"schema": reason}
        if not said:
            _log.warning("waits_for_migrations", missing=len(missing), meaning="run showdrop migrate")
            said = True
        await asyncio.sleep(SCHEMA_LOOK_S)
