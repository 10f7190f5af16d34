"""The table of known failures is complete, and names only tests, faults and files that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "failures.md"
NUMBERS = [*range(1, 35), *range(36, 39)]
COLUMNS = 4

_PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_FAULTS = re.compile(r"with faults? ((?:`\w+`(?:, )?)+)")
_FILE = re.compile(r"`([\w-]+(?:/[\w.-]+)*/(?:[\w-]+\.(?:py|lua|sql))?)`")


def rows() -> dict[str, list[str]]:
    """Return the cells of each row by its number."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| F\d+ \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({number for number, *_ in cells}) == len(cells), "a number stands there twice"
    return {row[0]: row for row in cells}


@cache
def proofs_in(path: str) -> frozenset[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    named = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in named if node.name.startswith("test_"))


@cache
def faults() -> frozenset[str]:
    """Return the names of the fault matrix."""
    tree = ast.parse((ROOT / "tests" / "faults" / "faults.py").read_text(encoding="utf-8"))
    return frozenset(
        word.value.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Fault"
        for word in call.keywords
        if word.arg == "name" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)
    )


def missing(proof: str) -> list[str]:
    """Return the tests and faults of a cell that do not exist."""
    wrong = [
        f"{path}::{name}"
        for path, name in _PROOF.findall(proof)
        if not (ROOT / path).is_file() or name not in proofs_in(path)
    ]
    named = [name for group in _FAULTS.findall(proof) for name in re.findall(r"`(\w+)`", group)]
    return wrong + [name for name in named if name not in faults()]


def test_every_number_has_one_row() -> None:
    assert list(rows()) == [f"F{number}" for number in NUMBERS]


@pytest.mark.parametrize("number", [f"F{number}" for number in NUMBERS])
def test_a_failure_is_told_prevented_and_proved(number: str) -> None:
    cells = rows()[number]
    assert len(cells) == COLUMNS
    _, failure, prevention, proof = cells
    assert failure.endswith(".")
    assert prevention.endswith(".")
    assert _PROOF.findall(proof), "no test is named"
    assert proof.count("::") == len(_PROOF.findall(proof)), "a name cannot be read"
    assert missing(proof) == []
    assert [one for one in _FILE.findall(prevention) if not (ROOT / one).exists()] == []


@pytest.mark.parametrize(
    "proof",
    [
        "`tests/structure/test_failure_table.py::test_that_is_not_there`",
        "`tests/structure/test_no_such_file.py::test_every_number_has_one_row`",
        "`tests/faults/test_faults.py::test_under_load` with faults `worker_killed`, `no_such_fault`",
    ],
)
def test_what_does_not_exist_is_noticed(proof: str) -> None:
    assert len(missing(proof)) == 1
