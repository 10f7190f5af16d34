"""The table of settings is what the code says, and the code reads nothing that is not in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from live.settings_docs import FILE, settings_page
from live.variables import ALL_VARIABLES

ROOT = Path(__file__).parents[3]
OF_OURS = re.compile(r"SHOWDROP_[A-Z_]+[A-Z]|REDIS_URL|DATABASE_URL")
INTERNAL = {
    # Between our own processes, never set by a person: the token of the fake channels' host.
    "SHOWDROP_HOST_TOKEN",
}


def texts() -> Iterator[tuple[str, str]]:
    """Return every text of the program's code, with the file that it stands in."""
    for package in ("kit", "inventory", "checkout", "live"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield str(file.relative_to(ROOT)), node.value


def test_the_page_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == settings_page(), "run python -m live.settings_docs"


def test_every_variable_of_ours_that_the_code_names_is_in_the_table() -> None:
    known = {one.name for one in ALL_VARIABLES} | INTERNAL
    named = {name: file for file, text in texts() for name in OF_OURS.findall(text)}
    assert len(named) > 30
    assert {name: file for name, file in named.items() if name not in known} == {}


def test_every_variable_of_the_table_is_read_somewhere() -> None:
    whole = {text for _, text in texts()}
    assert [one.name for one in ALL_VARIABLES if one.name not in whole] == []
    assert len({one.name for one in ALL_VARIABLES}) == len(ALL_VARIABLES)


def test_what_the_environment_is_asked_for_directly_is_known() -> None:
    asked = set()
    for package in ("kit", "inventory", "checkout", "live"):
        for file in (ROOT / package).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            asked |= set(re.findall(r"(?:environ(?:\.get)?[\[(]|getenv\()\s*[\"'](\w+)", text))
    assert asked <= {one.name for one in ALL_VARIABLES} | INTERNAL


def test_no_meaning_breaks_the_table() -> None:
    for one in ALL_VARIABLES:
        assert not re.search(r"[|\n`]", one.meaning + one.default), one.name
