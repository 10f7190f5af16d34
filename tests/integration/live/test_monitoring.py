"""Dashboards, alerts and the handbook name what the roles really show, and the rules do what they say."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kit.metrics import new_registry, render_metrics
from live.api.health_http import HealthEndpoints
from live.roles.api import ApiRole
from live.roles.gateway import GatewayRole
from live.roles.worker import WorkerRole
from tests.integration.live.test_roles import a_place

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "k8s" / "monitoring"
ALERTS = MONITORING / "alerts.yaml"
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
HANDBOOK = ROOT / "docs" / "operations.md"

NAME = re.compile(r"\b(?:showdrop|process)_[a-z_]+[a-z]")
NO_METRICS = {"showdrop_test"}
OF_SEVERAL_PROCESSES = {"showdrop_gateway_processes", "showdrop_gateway_processes_up"}


def names_in(text: str) -> set[str]:
    """Return the metrics that a text names, without the endings of histograms."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(text)}


def shown(text: str) -> set[str]:
    """Return the metrics of an exposition."""
    return set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))


def expressions(dashboard: Path) -> Iterator[str]:
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.fixture
async def shown_by(database_url: str, redis_url: str) -> dict[str, set[str]]:
    """Return what each role shows, asked as Prometheus asks it; the worker by its registry."""
    place, registry = a_place(database_url, redis_url), new_registry()
    worker = await WorkerRole.start(place, demo=False, registry=registry)
    api = await ApiRole.start(place, demo=False)
    gateway = await GatewayRole.start(place)
    try:
        await asyncio.sleep(0.3)  # the first look at what waits
        async with httpx.AsyncClient() as client:
            ports = (place.settings.http_port, place.settings.ws_port)
            answers = [await client.get(f"http://127.0.0.1:{port}/metrics") for port in ports]
    finally:
        for role in (gateway, api, worker):
            await role.stop()
    texts = [render_metrics(registry).decode(), *(answer.text for answer in answers)]
    return {role: shown(text) for role, text in zip(("worker", "api", "gateway"), texts, strict=True)}


@pytest.fixture
def metrics(shown_by: dict[str, set[str]]) -> set[str]:
    """Return what all roles show together."""
    return set().union(*shown_by.values()) | OF_SEVERAL_PROCESSES


async def test_everything_that_is_named_exists(metrics: set[str]) -> None:
    pages = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "k8s").rglob("*.yaml")), ROOT / "k8s" / "README.md"]
    for page in [*pages, *DASHBOARDS]:
        missing = names_in(page.read_text(encoding="utf-8")) - metrics - NO_METRICS
        assert missing == set(), page.name


async def test_the_handbook_lists_every_metric_of_ours(metrics: set[str]) -> None:
    text = HANDBOOK.read_text(encoding="utf-8")
    unnamed = {one for one in metrics - names_in(text) if one.startswith("showdrop_") and not one.endswith("_created")}
    assert unnamed == set()


def test_every_alert_has_its_entry_in_the_handbook_and_every_entry_its_alert() -> None:
    text = ALERTS.read_text(encoding="utf-8")
    alerts = re.findall(r"- alert: (\w+)", text)
    assert re.findall(r"runbook: docs/operations\.md#(\w+)", text) == [name.lower() for name in alerts]
    assert re.findall(r"severity: (\w+)", text.split("groups:")[1]) == re.findall(r"severity: (page|ticket)\}", text)
    assert sorted(re.findall(r"^### (Showdrop\w+)$", HANDBOOK.read_text(encoding="utf-8"), re.MULTILINE)) == sorted(
        alerts
    )


async def test_each_role_has_an_alert_that_misses_it_by_what_only_it_shows(shown_by: dict[str, set[str]]) -> None:
    missed = re.findall(r"absent\((\w+)\)", ALERTS.read_text(encoding="utf-8"))
    who = [[role for role, names in shown_by.items() if name in names] for name in missed]
    assert sorted(who) == [["api"], ["gateway"], ["worker"]]


def test_dashboards_are_tidy() -> None:
    assert DASHBOARDS
    for dashboard in DASHBOARDS:
        text = dashboard.read_text(encoding="utf-8")
        board = json.loads(text)
        assert text == json.dumps(board, indent=2) + "\n", f"{dashboard.name}: write it as json.dumps(…, indent=2) does"
        assert board["uid"] == f"showdrop-{dashboard.stem}"
        ids = [panel["id"] for panel in board["panels"]]
        assert ids == list(range(1, len(ids) + 1)), dashboard.name
        assert all(names_in(expression) for expression in expressions(dashboard))


def test_requests_are_counted_without_those_that_machines_make() -> None:
    texts = [ALERTS.read_text(encoding="utf-8"), *(one for board in DASHBOARDS for one in expressions(board))]
    rates = re.findall(r"rate\(showdrop_http_requests_total(.*?)\[", "\n".join(texts))
    machines = "|".join(one.path.removeprefix("/") for one in HealthEndpoints({}, new_registry()).endpoints())
    assert len(rates) >= 3
    assert all(f'route!~"/({machines})"' in labels for labels in rates)


async def test_the_rules_fire_when_they_should_and_only_then() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: it comes with Prometheus (apt-get install prometheus)"
    for command in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
        process = await asyncio.create_subprocess_exec(
            promtool, *command, cwd=MONITORING, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, said.decode()
