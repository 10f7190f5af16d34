"""Builds our kustomizations as kustomize does, as far as we use it; a field that we do not use is refused.

Wherever kubectl or kustomize is installed, ``test_kustomize.py`` compares the two.
"""

import copy
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import yaml

Object = dict[str, Any]

ROOT: Final = Path(__file__).parents[3]
K8S: Final = ROOT / "k8s"
OVERLAYS: Final = ("local", "production")
FIELDS: Final = {"apiVersion", "kind", "namespace", "resources", "images", "configMapGenerator", "patches"}
CLUSTER_WIDE: Final = {"Namespace"}
REFERENCES: Final = {"configMapRef", "configMapKeyRef", "configMap"}
TOOLS: Final = {"kubectl": ["kubectl", "kustomize"], "kustomize": ["kustomize", "build"]}


class NotUsedError(Exception):
    """A kustomization has something in it that this builder does not know."""


def build(folder: Path) -> list[Object]:
    """Return the objects of a kustomization, in no particular order; the caller may change them."""
    return copy.deepcopy(_build(folder))


@cache
def _build(folder: Path) -> list[Object]:
    objects = _accumulate(folder)
    for one in objects:
        if one.pop("_generated", False):
            plain = one["metadata"]["name"]
            hashed = f"{plain}-{name_hash(one['data'])}"
            one["metadata"]["name"] = hashed
            for other in objects:
                _rename(other, plain, hashed)
    return objects


def build_with(tool: str, folder: Path) -> list[Object]:
    """Return the objects as a tool of ``TOOLS`` builds them."""
    words = [*TOOLS[tool], str(folder)]
    ran = subprocess.run(words, capture_output=True, check=True, timeout=30)  # noqa: S603 - its name is ours
    return [one for one in yaml.safe_load_all(ran.stdout) if one]


def builders() -> dict[str, Callable[[Path], list[Object]]]:
    """Return every way to build that there is here, by name: ours, and the tools that are installed."""
    found: dict[str, Callable[[Path], list[Object]]] = {"ours": build}
    for tool in TOOLS:
        if shutil.which(tool) is not None:
            found[tool] = partial(build_with, tool)
    return found


def name_hash(data: dict[str, str]) -> str:
    """Return the suffix of a generated ConfigMap: of its content, so that a change of it starts new pods."""
    # Kustomize means to hash the name as well, and hashes an empty one.
    content = json.dumps({"data": data, "kind": "ConfigMap", "name": ""}, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:10]
    return digest.translate(str.maketrans("013ae", "ghkmt"))


def _accumulate(folder: Path) -> list[Object]:
    said = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if unknown := said.keys() - FIELDS:
        raise NotUsedError(f"{folder.name}: {', '.join(sorted(unknown))}")
    objects: list[Object] = []
    for name in said.get("resources", ()):
        path = (folder / name).resolve()
        objects += _accumulate(path) if path.is_dir() else _load(path)
    for one in said.get("configMapGenerator", ()):
        _generate(one, objects)
    for patch in said.get("patches", ()):
        _patch(patch, objects)
    for one in objects:
        if one["kind"] not in CLUSTER_WIDE:
            one["metadata"]["namespace"] = said["namespace"]
        for image in said.get("images", ()):
            _set_image(one, image)
    return objects


def _load(path: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def _generate(said: Object, objects: list[Object]) -> None:
    if said.keys() - {"name", "literals", "behavior"} or said.get("behavior", "create") not in ("create", "merge"):
        raise NotUsedError(f"configMapGenerator: {sorted(said)}")
    data = dict(literal.split("=", 1) for literal in said["literals"])
    if said.get("behavior") == "merge":
        [found] = [one for one in objects if one.get("_generated") and one["metadata"]["name"] == said["name"]]
        found["data"] |= data
        return
    metadata = {"name": said["name"]}
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, "_generated": True})


def _patch(said: Object, objects: list[Object]) -> None:
    """Apply a JSON patch (RFC 6902), of whose operations we use two, to every object of a kind."""
    if said.keys() != {"target", "patch"} or said["target"].keys() - {"kind", "name"}:
        raise NotUsedError(f"patches: {said}")
    wanted = said["target"]
    targets = [
        one
        for one in objects
        if one["kind"] == wanted["kind"] and wanted.get("name", one["metadata"]["name"]) == one["metadata"]["name"]
    ]
    for operation in yaml.safe_load(said["patch"]):
        for one in targets:
            _operate(operation, one)


def _operate(said: Object, target: Object) -> None:
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in said["path"].split("/")[1:])
    holder: Any = target
    for part in parents:
        holder = holder[int(part) if isinstance(holder, list) else part]
    if said["op"] not in ("add", "replace") or not isinstance(holder, dict):
        raise NotUsedError(f"patches: {said}")
    if said["op"] == "replace" and last not in holder:
        raise KeyError(said["path"])
    holder[last] = copy.deepcopy(said["value"])


def _set_image(target: Object, said: Object) -> None:
    if said.keys() - {"name", "newName", "newTag"}:
        raise NotUsedError(f"images: {sorted(said)}")
    for container in containers(target):
        name, _, tag = container["image"].partition(":")
        if name == said["name"]:
            new, tag = said.get("newName", name), said.get("newTag", tag)
            container["image"] = f"{new}:{tag}" if tag else new


def _rename(node: Any, old: str, new: str) -> None:  # noqa: ANN401 - any part of an object
    if isinstance(node, dict):
        for key, value in node.items():
            if key in REFERENCES and isinstance(value, dict) and value.get("name") == old:
                value["name"] = new
            else:
                _rename(value, old, new)
    elif isinstance(node, list):
        for value in node:
            _rename(value, old, new)


def pod_of(one: Object) -> Object | None:
    """Return the pod that an object makes, as ``{"metadata", "spec"}``; None if it makes none."""
    template: Object | None = one.get("spec", {}).get("template")
    return template if one["kind"] in ("Deployment", "StatefulSet", "Job") else None


def containers(one: Object) -> list[Object]:
    """Return the containers of an object, those that run first among them."""
    pod = pod_of(one)
    return [] if pod is None else [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
