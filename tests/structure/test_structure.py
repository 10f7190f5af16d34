"""The structure of the code, checked: `make check` runs this file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("kit", "inventory", "checkout", "live", "loadtests")
FILE_MOST_LINES = 400
FUNCTION_MOST_LINES = 75
LONG_FILES = {"live/wire.py"}  # the wire is one file on purpose: who changes a message sees all of them
NOT_IMPLEMENTED = {"live/api/openapi.py"}  # msgspec's word for a type that its hook does not know
TABLES = {"endpoints"}  # functions that only list declarations
VAGUE_NAMES = {"utils.py", "helpers.py", "service.py", "services.py", "manager.py", "common.py", "misc.py"}

# A driver may be imported by files whose name says so; those named here are the driver's home or compose the parts.
DRIVERS = {
    "redis": ("_redis.py", {"kit/redis_client.py"}),
    "asyncpg": ("_pg.py", {"kit/postgres.py"}),
    "websockets": ("_ws.py", set()),
    "starlette": ("_http.py", set()),
    "uvicorn": ("_http.py", set()),
    "httpx": ("_http.py", {"live/roles/worker.py"}),
    "psycopg": ("_pg.py", {"kit/migrate.py"}),
}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea_and_says_its_driver(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    name = str(path.relative_to(ROOT))
    assert path.name not in VAGUE_NAMES, f"{name}: the name says nothing about what is inside"
    assert name in LONG_FILES or text.count("\n") <= FILE_MOST_LINES, f"{name}: split it by noun"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in TABLES:
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_MOST_LINES, f"{name}:{node.lineno} {node.name} has {length} lines"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "NotImplementedError" not in names or name in NOT_IMPLEMENTED, f"{name}: a method that does not work"
    for driver in set(imported(tree)) & DRIVERS.keys():
        suffix, homes = DRIVERS[driver]
        assert path.name.endswith(suffix) or name in homes, f"{name} imports {driver}; only *{suffix} files may"
