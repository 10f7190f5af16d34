from pathlib import Path

import pytest

from kit.sql import Queries


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "some.sql"
    path.write_text(text)
    return path


def test_each_block_is_an_attribute(tmp_path: Path) -> None:
    queries = Queries(a_file(tmp_path, "-- About.\n\n-- name: one\n-- why\nSELECT 1\n\n-- name: two\nSELECT\n2\n"))
    assert queries.one == "-- why\nSELECT 1"
    assert queries.two == "SELECT\n2"
    with pytest.raises(AttributeError, match=r"some\.sql has no statement named 'three'"):
        _ = queries.three


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-- name: one\nSELECT 1\n-- name: one\nSELECT 2", "twice"),
        ("SELECT 1\n-- name: one\nSELECT 2", "before the first"),
    ],
)
def test_a_file_that_could_be_misread_is_refused_at_start(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Queries(a_file(tmp_path, text))
