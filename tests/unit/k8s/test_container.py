"""The image is made of what is locked, copies only what is the program, and belongs to nobody."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from kit.settings import Settings
from tests.unit.k8s.kustomize import K8S, ROOT, build, containers, pod_of

TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
PROGRAM = {"kit", "inventory", "checkout", "live"}
"""The roles and tools; the load tests are in the image too, and want a tool that is not."""


def said(word: str) -> list[str]:
    """Return the arguments of an instruction, each time that it is there."""
    return [line.split(maxsplit=1)[1] for line in LINES if line.split()[0] == word]


def copied() -> set[str]:
    """Return what is copied out of the repository."""
    return {name for line in said("COPY") if "--from" not in line for name in line.split()[:-1]}


def canonical(name: str) -> str:
    """Return the name of a distribution as a lock file writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> set[str]:
    """Return the distributions that the image is left with, besides the program."""
    [taken_away] = [line.split("--yes ")[1].split() for line in said("RUN") if "pip uninstall" in line]
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {canonical(name) for name in re.findall(r"^([a-z0-9][\w.-]*)==", locked, re.MULTILINE)} - set(taken_away)


def imported(path: Path) -> Iterator[str]:
    """Return the packages that a file imports by name, at once or when it needs them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                yield from (name.name.partition(".")[0] for name in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(func=ast.Name("import_module"), args=[ast.Constant(str(module))]):
                yield module.partition(".")[0]
            case _:
                pass


def test_every_dependency_is_checked_against_its_hash() -> None:
    installs = [line for line in said("RUN") if "pip install" in line]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all: -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]
    assert installed()


def test_no_variable_wants_what_the_image_does_not_have() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for extra, wanted in extras.items():
        names = {canonical(re.split(r"[^\w.-]", one)[0]) for one in wanted}
        assert names <= installed(), f"showdrop[{extra}] is not in the image"
    by_file = {path: set(imported(path)) for package in PROGRAM for path in (ROOT / package).rglob("*.py")}
    homes = packages_distributions()
    for path, packages in by_file.items():
        for package in packages - PROGRAM - sys.stdlib_module_names:
            assert {canonical(name) for name in homes[package]} <= installed(), f"{path.name}: {package}"
    assert "opentelemetry" in set().union(*by_file.values()), "what is imported late is not seen"


def test_the_whole_program_is_copied_and_nothing_else() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    assert copied() == {name.partition(".")[0] for name in packages} | {
        "pyproject.toml",
        "README.md",
        "requirements.lock",
    }
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied()
    assert (ROOT / ".dockerignore").resolve() == ROOT / ".containerignore"


def test_it_runs_as_the_number_that_the_manifests_name_and_exposes_their_ports() -> None:
    objects = build(K8S / "overlays" / "production")
    pods = [pod["spec"] for one in objects if (pod := pod_of(one)) is not None]
    [user] = {(pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) for pod in pods}
    assert said("USER") == [f"{user[0]}:{user[1]}"]
    ports = {port["containerPort"] for one in objects for box in containers(one) for port in box.get("ports", ())}
    assert {int(port) for port in said("EXPOSE")[0].split()} == ports
    assert {Settings().http_port, Settings().ws_port} <= ports


def test_only_what_was_built_reaches_the_image() -> None:
    last = TEXT[TEXT.rindex("\nFROM ") :]
    assert re.findall(r"^(?:COPY|RUN|ADD) .*", last, re.MULTILINE) == ["COPY --from=build /opt/showdrop /opt/showdrop"]
    assert said("ENTRYPOINT") == ['["showdrop"]']
