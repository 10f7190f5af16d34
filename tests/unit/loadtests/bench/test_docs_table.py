"""Tables between markers: each command replaces its own, although all end with the same words."""

import pytest

from loadtests.bench.docs_table import BEGIN, DOCS, END, begin_of, markdown, replaced
from loadtests.bench.peers.docs_table import BEGIN as PEERS_BEGIN
from loadtests.errors import LoadError

PAGE = f"top\n{BEGIN}\nours\n{END}\nmiddle\n{PEERS_BEGIN}\npeers\n{END}\nbottom\n"


def test_the_markers_of_two_commands_differ_although_one_name_begins_with_the_other() -> None:
    assert BEGIN not in PEERS_BEGIN
    assert BEGIN == "<!-- made by python -m loadtests.bench --write-docs -->"


@pytest.mark.parametrize(("begin", "old"), [(BEGIN, "ours\n"), (PEERS_BEGIN, "peers\n")])
def test_a_table_replaces_the_one_of_its_own_command_and_no_other(begin: str, old: str) -> None:
    assert replaced(PAGE, begin, "new\n") == PAGE.replace(old, "new\n")


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace(BEGIN, ""),
        PAGE.replace(f"ours\n{END}", "ours\n"),  # the end that follows belongs to the other table
        PAGE + PAGE,
        f"{END}\n{BEGIN}\n",
    ],
)
def test_a_page_whose_markers_do_not_match_is_refused_and_nothing_is_swallowed(page: str) -> None:
    with pytest.raises(LoadError, match="one place for the table"):
        replaced(page, BEGIN, "new\n")


def test_the_page_has_a_place_for_both_tables() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for begin in (begin_of("python -m loadtests.bench"), begin_of("python -m loadtests.bench.peers")):
        assert "a new table" in replaced(text, begin, "a new table\n")


def test_a_pipe_in_a_cell_does_not_end_it() -> None:
    assert markdown(["a", "b"], [["1|2", "3"]]) == "| a | b |\n|---|---|\n| 1\\|2 | 3 |\n"
