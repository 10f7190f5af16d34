"""The files of records."""

from pathlib import Path

import pytest

from loadtests.records import SUFFIX, VERDICT, RunRecord, ViewerRecord, clear_records, read_records, write_record
from loadtests.waits import Waits


def run_of(show_id: str) -> RunRecord:
    viewer = ViewerRecord(subject="one", confirmed={"hold_1": ["order_1"]})
    return RunRecord(
        tool="swarm", tier="S", shape="show", show_id=show_id, viewers=[viewer], waits={"claim": Waits(counts={3: 1})}
    )


def test_what_several_processes_wrote_is_read(tmp_path: Path) -> None:
    for name in ("b", "a", "a"):
        write_record(run_of("show_1"), tmp_path / "new", name)
    assert read_records(tmp_path / "new") == [run_of("show_1"), run_of("show_1")]


def test_an_earlier_runs_records_go_with_its_verdict_and_nothing_else_does(tmp_path: Path) -> None:
    clear_records(tmp_path / "new")
    for name in ("a", "b"):
        write_record(run_of("show_1"), tmp_path, name)
    for name in (VERDICT, "soak.json"):
        (tmp_path / name).write_text("{}")
    clear_records(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["soak.json"]


def test_an_empty_folder_and_records_of_two_shows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no records"):
        read_records(tmp_path)
    write_record(run_of("show_1"), tmp_path, "a")
    write_record(run_of("show_2"), tmp_path, "b")
    with pytest.raises(ValueError, match="several shows"):
        read_records(tmp_path)


@pytest.mark.parametrize(("content", "why"), [(None, "truncated"), (b"", "truncated"), (b"\x01", "Expected `object`")])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    write_record(run_of("show_1"), tmp_path, "good")
    bad = tmp_path / f"bad{SUFFIX}"
    bad.write_bytes((tmp_path / f"good{SUFFIX}").read_bytes()[:-5] if content is None else content)
    with pytest.raises(ValueError, match=f"{bad} is no record .*{why}"):
        read_records(tmp_path)
