"""What the manifests say of the program is true: its commands, variables, ports, paths and metrics."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from kit.metrics import new_registry
from kit.settings import Settings, read_settings
from live.api.health_http import HealthEndpoints
from live.api.limits import BODY_TIMEOUT_S, CHECK_TIMEOUT_S, FILE_BODY_MAX_BYTES
from live.cli import main
from live.handshake import show_of
from live.limits import HEARTBEAT_MISSED_MS
from live.roles.worker_http import WorkerHealth, health_app
from live.variables import ALL_VARIABLES
from tests.unit.k8s.kustomize import K8S, OVERLAYS, ROOT, Object, build, containers

SECRETS = {"SHOWDROP_SECRET": "s" * 40, "REDIS_URL": "redis://r:6379/0", "DATABASE_URL": "postgresql://d/showdrop"}
PORT_OF: dict[str, Any] = {
    "api": lambda settings: settings.http_port,
    "gateway": lambda settings: settings.ws_port,
    "worker": lambda settings: settings.worker_port,
}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
WS_PATH = "/v1/shows/show_01K8Z5Q4T9V3N6C7M2R8X1B5DA/live"


def built(overlay: str, kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in build(K8S / "overlays" / overlay) if one["kind"] == kind}


def ours(overlay: str) -> list[Object]:
    """Return the containers of our image."""
    every = [container for one in build(K8S / "overlays" / overlay) for container in containers(one)]
    return [one for one in every if re.search(r"(^|/)showdrop:", one["image"])]


def config(overlay: str) -> dict[str, str]:
    [found] = [one["data"] for name, one in built(overlay, "ConfigMap").items() if name.startswith("showdrop-config-")]
    return dict(found)


def settings(overlay: str) -> Settings:
    return read_settings(config(overlay) | SECRETS)


def role_container(overlay: str, role: str) -> Object:
    [container] = built(overlay, "Deployment")[f"showdrop-{role}"]["spec"]["template"]["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_command_is_one_of_the_program(overlay: str) -> None:
    context = click.Context(main)
    words = [container["args"] for container in ours(overlay)]
    assert sorted(word[0] for word in words) == ["api", "gateway", "migrate", "worker"]
    for name, *flags in words:
        command = main.get_command(context, name)
        assert command is not None
        with command.make_context(name, list(flags), resilient_parsing=False):
            pass


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_one_of_the_program_and_has_a_value_that_it_takes(overlay: str) -> None:
    known = {one.name for one in ALL_VARIABLES}
    assert config(overlay).keys() <= known
    for container in ours(overlay):
        names = {one["name"] for one in container["env"]}
        assert names == SECRETS.keys() <= known
        assert not names & config(overlay).keys()
    read = settings(overlay)
    assert (read.host, read.log) == ("0.0.0.0", "text" if overlay == "local" else "json")  # noqa: S104 - of a pod
    assert read.test_bank == (overlay == "local")
    mounts = [mount["mountPath"] for container in ours(overlay) for mount in container["volumeMounts"]]
    assert all(str(read.data_dir).startswith(f"{mount}/") for mount in mounts)
    url = urlsplit(read.api_url or "")
    assert built(overlay, "Service")[str(url.hostname)]["spec"]["ports"][0]["port"] == url.port


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("role", PORT_OF)
def test_a_role_is_asked_on_the_port_on_which_it_listens(role: str, overlay: str) -> None:
    container = role_container(overlay, role)
    [port] = container["ports"]
    assert port["containerPort"] == PORT_OF[role](settings(overlay))
    for probe in PROBES:
        assert container[probe]["httpGet"]["port"] == port["name"]
    assert container["readinessProbe"]["timeoutSeconds"] > CHECK_TIMEOUT_S
    service = built(overlay, "Service").get(f"showdrop-{role}")
    if role == "worker":
        assert service is None, "Kubernetes would name a variable after it that is a setting of ours"
    else:
        assert service is not None
        assert service["spec"]["ports"] == [
            {"name": port["name"], "port": port["containerPort"], "targetPort": port["name"]}
        ]
        labels = built(overlay, "Deployment")[f"showdrop-{role}"]["spec"]["template"]["metadata"]["labels"]
        assert labels.items() >= service["spec"]["selector"].items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_probe_asks_for_what_the_role_answers(overlay: str) -> None:
    """The paths of the API and the worker are read from them; the gateway's answers are in ``tests/e2e``."""
    api = {one.path for one in HealthEndpoints({}, new_registry()).endpoints()}
    worker = {route.path for route in health_app(WorkerHealth(new_registry())).routes if hasattr(route, "path")}
    assert api == worker == {"/healthz", "/readyz", "/metrics"}
    for role in PORT_OF:
        asked = {probe: role_container(overlay, role)[probe]["httpGet"]["path"] for probe in PROBES}
        assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def ingress_of(overlay: str, path: str) -> Object:
    """Return the ingress that takes a path, as ingress-nginx chooses: the longest expression that fits goes first."""
    rules = [
        (entry["path"], one)
        for one in built(overlay, "Ingress").values()
        for rule in one["spec"]["rules"]
        for entry in rule["http"]["paths"]
    ]
    return next(one for pattern, one in sorted(rules, key=lambda rule: -len(rule[0])) if re.match(pattern, path))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_one_name_joins_both_ports_and_hides_what_is_for_the_operator(overlay: str) -> None:
    assert show_of(WS_PATH) is not None
    assert ingress_of(overlay, WS_PATH)["metadata"]["name"] == "showdrop-live"
    # What the gateway would not take is not sent there either.
    for path in ("/", "/watch", "/v1/shows", f"{WS_PATH}/", f"{WS_PATH}ly", f"{WS_PATH}/x", f"/x{WS_PATH}"):
        assert show_of(path) is None
        assert ingress_of(overlay, path)["metadata"]["name"] == "showdrop-api", path
    for path in ("/metrics", "/readyz", "/metrics/", "/readyz\n"):
        closed = ingress_of(overlay, path)["metadata"]["annotations"]
        assert closed["nginx.ingress.kubernetes.io/whitelist-source-range"] == "127.0.0.1/32"
    for one in built(overlay, "Ingress").values():
        [rule] = one["spec"]["rules"]
        backend = rule["http"]["paths"][0]["backend"]["service"]
        ports = built(overlay, "Service")[backend["name"]]["spec"]["ports"]
        assert backend["port"]["name"] in [port["name"] for port in ports]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_ingress_gives_viewers_and_uploads_their_time(overlay: str) -> None:
    def said(path: str, name: str) -> str:
        return str(ingress_of(overlay, path)["metadata"]["annotations"][f"nginx.ingress.kubernetes.io/{name}"])

    for name in ("proxy-read-timeout", "proxy-send-timeout"):
        assert int(said(WS_PATH, name)) * 1000 > 2 * HEARTBEAT_MISSED_MS
        assert int(said("/v1/catalog/import", name)) >= BODY_TIMEOUT_S
    assert said("/v1/catalog/import", "proxy-body-size") == f"{FILE_BODY_MAX_BYTES // 1024**2}m"


def test_in_production_browsers_and_the_ingress_use_one_name() -> None:
    read = settings("production")
    hosts = {rule["host"] for one in built("production", "Ingress").values() for rule in one["spec"]["rules"]}
    tls = {
        host
        for one in built("production", "Ingress").values()
        for entry in one["spec"]["tls"]
        for host in entry["hosts"]
    }
    [host] = hosts
    assert tls == hosts
    assert (read.origins, read.ws_url) == ((f"https://{host}",), f"wss://{host}")
    assert config("production")["SHOWDROP_PUBLIC_URL"] == f"https://{host}"


def test_what_scales_is_measured_by_metrics_that_the_program_has() -> None:
    sources = [
        path.read_text(encoding="utf-8") for name in ("live", "checkout") for path in (ROOT / name).rglob("*.py")
    ]
    values = yaml.safe_load((K8S / "autoscaling" / "adapter-values.yaml").read_text(encoding="utf-8"))
    scalers = built("production", "HorizontalPodAutoscaler")
    asked = {
        kind: {
            metric[kind.lower()]["metric"]["name"]
            for one in scalers.values()
            for metric in one["spec"]["metrics"]
            if metric["type"] == kind
        }
        for kind in ("Pods", "External")
    }
    assert asked == {"Pods": {"showdrop_gateway_connections"}, "External": {"showdrop_settle_lag_seconds"}}
    for kind, rules in (("Pods", values["rules"]["custom"]), ("External", values["rules"]["external"])):
        assert {rule["name"]["as"] for rule in rules} == asked[kind]
        for rule in rules:
            name = rule["seriesQuery"].partition("{")[0]
            assert name == rule["name"]["as"]
            assert any(f'"{name}"' in text for text in sources), f"nothing is called {name}"
    for one in scalers.values():
        assert one["spec"]["scaleTargetRef"]["name"] in built("production", "Deployment")
    target = scalers["showdrop-gateway"]["spec"]["metrics"][0]["pods"]["target"]["averageValue"]
    assert int(target) * 2 <= settings("production").max_viewers, "no room for those who come while gateways start"


def test_prometheus_asks_every_role() -> None:
    [monitor] = built("production", "PodMonitor").values()
    asked = {one["port"]: one["path"] for one in monitor["spec"]["podMetricsEndpoints"]}
    ports = {role_container("production", role)["ports"][0]["name"] for role in PORT_OF}
    assert asked == dict.fromkeys(ports, "/metrics")


def test_the_readme_names_only_what_there_is() -> None:
    text = (K8S / "README.md").read_text(encoding="utf-8")
    known = {one.name for one in ALL_VARIABLES}
    assert set(re.findall(r"\b(?:SHOWDROP_[A-Z_]+|REDIS_URL|DATABASE_URL)\b", text)) <= known
    for path in re.findall(r"\bk8s/[\w./-]+", text):
        assert (ROOT / Path(path)).exists(), path
    names = {one["metadata"]["name"] for overlay in OVERLAYS for one in build(K8S / "overlays" / overlay)}
    for kind, name in re.findall(r"\b(deployment|deploy|job|hpa|cluster)[/ ](showdrop-[\w-]+)", text):
        assert name in names, f"{kind}/{name}"
