"""The roles as the manifests start them: together with the migrations, with their variables, until SIGTERM."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kit.embedded import EmbeddedServers
from loadtests.free_ports import free_port
from tests.e2e.conftest import READY_S, SHOWDROP, Program
from tests.unit.k8s.kustomize import K8S, Object, build, containers

pytestmark = pytest.mark.timeout(90)

PORTS = {"api": "SHOWDROP_HTTP_PORT", "gateway": "SHOWDROP_WS_PORT", "worker": "SHOWDROP_WORKER_PORT"}
"""Several tests run on one machine, so their ports are others than a pod's; ``tests/unit/k8s`` compares those."""


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[EmbeddedServers]:
    """A Redis and a Postgres in which nothing is yet."""
    started = await EmbeddedServers.start(tmp_path / "servers", durable=False)
    yield started
    await started.stop()


async def answers(port: int, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.get(f"http://127.0.0.1:{port}{path}")
    return answer.status_code, answer.text


async def until(port: int, path: str, status: int, says: str = "") -> None:
    """Ask until that is the answer, with such a word in it."""
    found: object = "nothing"
    try:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    found = await answers(port, path)
                    if found[0] == status and says in found[1]:
                        return
                except httpx.TransportError as error:
                    found = error
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{path} on {port}: {found!r}")


async def test_all_start_at_once_wait_for_the_migrations_and_end_in_time(
    servers: EmbeddedServers, tmp_path: Path
) -> None:
    objects = build(K8S / "overlays" / "production")
    [config] = [one["data"] for one in objects if one["kind"] == "ConfigMap"]
    boxes: dict[str, Object] = {box["name"]: box for one in objects for box in containers(one)}
    grace_s = {
        one["spec"]["template"]["spec"]["containers"][0]["name"]: one["spec"]["template"]["spec"][
            "terminationGracePeriodSeconds"
        ]
        for one in objects
        if one["kind"] == "Deployment"
    }
    ports = {role: free_port() for role in PORTS}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOWDROP_")} | config
    environment |= {
        "SHOWDROP_SECRET": "s" * 40,
        "REDIS_URL": servers.redis_url,
        "DATABASE_URL": servers.database_url,
        "SHOWDROP_DATA_DIR": str(tmp_path / "data"),
        "SHOWDROP_HOST": "127.0.0.1",  # tests listen on loopback only
        "PYTHONUNBUFFERED": "1",
        **{PORTS[role]: str(port) for role, port in ports.items()},
    }

    async def run(name: str) -> Program:
        return Program(
            await asyncio.create_subprocess_exec(
                SHOWDROP, *boxes[name]["args"], env=environment, stdout=PIPE, stderr=STDOUT
            )
        )

    roles = {role: await run(role) for role in PORTS}
    try:
        for role, port in ports.items():
            await until(port, boxes[role]["startupProbe"]["httpGet"]["path"], 200)
            await until(port, boxes[role]["readinessProbe"]["httpGet"]["path"], 503, says="schema")
        for said in ("applied: ", "the schema is up to date"):  # once per release, and once more
            migrated = await run("migrate")
            assert await migrated.ended(within_s=60) == 0, migrated.printed
            assert said in migrated.printed
        for role, port in ports.items():
            await until(port, boxes[role]["readinessProbe"]["httpGet"]["path"], 200)
            assert (await answers(port, boxes[role]["livenessProbe"]["httpGet"]["path"]))[0] == 200
        assert "showdrop_gateway_connections" in (await answers(ports["gateway"], "/metrics"))[1]
        assert "showdrop_settle_lag_seconds" in (await answers(ports["worker"], "/metrics"))[1]
        for role, program in roles.items():
            program.process.send_signal(signal.SIGTERM)
            assert await program.ended(within_s=grace_s[role]) == 0, program.printed
            assert "unknown_settings" not in program.printed
    finally:
        for program in roles.values():
            if program.process.returncode is None:
                program.kill_nine()
                await program.ended(within_s=10)
    assert not (tmp_path / "data").exists(), "with everything set, nothing is written"
