"""Every object of every overlay is one that Kubernetes takes, in the oldest and the newest version that we name."""

import copy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.unit.k8s.custom_resources import SCHEMAS
from tests.unit.k8s.kustomize import K8S, OVERLAYS, Object, build

OLDEST = "1.30"
"""The first with ``sleep`` before SIGTERM switched on."""

NEWEST = kubernetes_validate.latest_version()


def objects() -> list[Any]:
    return [
        pytest.param(one, id=f"{overlay}-{one['kind']}-{one['metadata']['name']}")
        for overlay in OVERLAYS
        for one in build(K8S / "overlays" / overlay)
    ]


def check(one: Object) -> None:
    schema = SCHEMAS.get((one["apiVersion"], one["kind"]))
    if schema is not None:
        jsonschema.Draft202012Validator(schema).validate(one)
        return
    for version in (OLDEST, NEWEST):
        assert version.startswith(kubernetes_validate.validate(one, version, strict=True))


@pytest.mark.parametrize("one", objects())
def test_an_object_is_valid(one: Object) -> None:
    check(one)


def test_names_are_unique_within_a_kind() -> None:
    for overlay in OVERLAYS:
        names = [(one["kind"], one["metadata"]["name"]) for one in build(K8S / "overlays" / overlay)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", ["Deployment", "Cluster"])
def test_a_field_that_does_not_exist_is_noticed(kind: str) -> None:
    one = next(one for one in build(K8S / "overlays" / "local") if one["kind"] == kind)
    wrong = copy.deepcopy(one)
    wrong["spec"]["replica"] = 3
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        check(wrong)
