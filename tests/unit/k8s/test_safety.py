"""What the manifests promise: nobody is root, nothing is written, pods go and come without a gap, no secret is here."""

import re
from typing import Any

import pytest

from checkout.limits import CALLS_FINISH_S
from live.roles import api, gateway, worker
from live.roles.limits import FINISH_S, HTTP_STOP_MOST_S, PROCESS_STOP_S
from tests.unit.k8s.kustomize import K8S, OVERLAYS, Object, build, containers, pod_of

ROLES = ("api", "gateway", "worker")
POSTGRES_CLOSE_S = 10.0  # as kit/postgres.py has it
ENDS_WITHIN_S = {
    "api": HTTP_STOP_MOST_S + 3 * FINISH_S + POSTGRES_CLOSE_S,
    "gateway": PROCESS_STOP_S,
    "worker": CALLS_FINISH_S + HTTP_STOP_MOST_S + 3 * FINISH_S + POSTGRES_CLOSE_S,
}
BESIDE_THE_POOL = 2
"""Connections of one process to Postgres besides its pool: the one that listens, and a look at the schema."""


def built(overlay: str, kind: str) -> list[Object]:
    return [one for one in build(K8S / "overlays" / overlay) if one["kind"] == kind]


def named(overlay: str, kind: str, name: str) -> Any:  # noqa: ANN401 - whatever the manifest says
    [found] = [one for one in built(overlay, kind) if one["metadata"]["name"] == name]
    return found["spec"]


def pods() -> list[Any]:
    return [
        pytest.param(one, id=f"{overlay}-{one['metadata']['name']}")
        for overlay in OVERLAYS
        for one in build(K8S / "overlays" / overlay)
        if pod_of(one) is not None
    ]


@pytest.mark.parametrize("one", pods())
def test_a_pod_is_nobody_and_writes_nowhere_but_where_it_is_told(one: Object) -> None:
    pod = pod_of(one)
    assert pod is not None
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    # A Service "showdrop-worker" would make a variable SHOWDROP_WORKER_PORT=tcp://…
    assert spec["enableServiceLinks"] is False
    for container in containers(one):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        volumes = {volume["name"] for volume in spec.get("volumes", ())}
        volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", ())}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_goes_and_comes_without_a_gap(role: str, overlay: str) -> None:
    deployment = named(overlay, "Deployment", f"showdrop-{role}")
    labels = deployment["selector"]["matchLabels"]
    assert deployment["template"]["metadata"]["labels"].items() >= labels.items()
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = deployment["template"]["spec"]
    before_s = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert before_s + ENDS_WITHIN_S[role] < pod["terminationGracePeriodSeconds"]
    if role != "worker":
        assert before_s > 0
    spread = pod["topologySpreadConstraints"]
    assert spread[0]["topologyKey"] == "topology.kubernetes.io/zone"
    assert all(one["labelSelector"]["matchLabels"] == labels for one in spread)
    budget = named(overlay, "PodDisruptionBudget", f"showdrop-{role}")
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == labels


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_may_talk_but_what_is_allowed(overlay: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in built(overlay, "NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for role in ROLES:
        [container] = named(overlay, "Deployment", f"showdrop-{role}")["template"]["spec"]["containers"]
        [port] = container["ports"]
        [rule] = policies[role]["ingress"]
        assert rule["ports"] == [{"protocol": "TCP", "port": port["containerPort"]}]
        assert policies[role]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == role
    # Everything that an allowed call may reach has to let it in, or is outside.
    assert "ingress" not in policies["internet"]
    assert "10.0.0.0/8" in policies["internet"]["egress"][0]["to"][0]["ipBlock"]["except"]
    # As k8s/README.md says of trace collectors: a gateway reaches nothing out there.
    [who] = policies["internet"]["podSelector"]["matchExpressions"]
    assert who["values"] == ["api", "worker"]


def test_the_most_pods_that_may_run_find_their_connections_in_postgres() -> None:
    pools = {"api": api, "gateway": gateway, "worker": worker}
    parameters = named("production", "Cluster", "showdrop-db")["postgresql"]["parameters"]
    needed = sum(
        # One more than the most: a rollout starts the new one first.
        (named("production", "HorizontalPodAutoscaler", f"showdrop-{role}")["maxReplicas"] + 1)
        * (pools[role].POSTGRES_CONNECTIONS + BESIDE_THE_POOL)
        for role in ROLES
    )
    assert needed < int(parameters["max_connections"])


def test_the_local_valkey_keeps_what_it_answered() -> None:
    [config] = [one for one in built("local", "ConfigMap") if one["metadata"]["name"] == "valkey"]
    said = config["data"]["valkey.conf"].splitlines()
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(said)


def test_no_secret_is_in_the_manifests() -> None:
    for overlay in OVERLAYS:
        assert built(overlay, "Secret") == []
    texts = [path.read_text(encoding="utf-8") for path in K8S.rglob("*") if path.is_file()]
    assert [found for text in texts for found in re.findall(r"://[^/\s:]+:[^@\s$]+@\S+", text)] == []
