"""What keeps locust processes apart that play one show."""

import os
from pathlib import Path

import pytest

from loadtests.locust_stage import Stage
from loadtests.records import read_records
from loadtests.tiers import scene


def test_processes_on_two_machines_share_no_viewer_and_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as two containers have
    stages = [
        Stage(
            scene("S", "drop"),
            show_id="show_1",
            ws_url="ws://127.0.0.1:1",
            secret="not said to anybody, but long enough",
            folder=tmp_path,
            tell=lambda *_: None,
        )
        for _ in range(2)
    ]
    try:
        for stage in stages:
            stage.new_seat(buys=True)
            stage.write()
    finally:
        for stage in stages:
            stage.over = True
    records = read_records(tmp_path)
    assert len(records) == 2
    assert len({viewer.subject for record in records for viewer in record.viewers}) == 2
