import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from loadtests.bench.docs_table import BEGIN as OTHER_BEGIN
from loadtests.bench.docs_table import END
from loadtests.bench.peers.command import KEYS, main
from loadtests.bench.peers.docs_table import BEGIN, write_docs
from loadtests.bench.peers.figures import Figures, Pair
from loadtests.bench.peers.limits import Sizes
from loadtests.bench.peers.report import Report, print_report, read_report, remarks, rows, write_report
from loadtests.errors import LoadError


def figures(*, key: str = "ws", floor_us: float = 5.0, crowd_share: float = 0.4, fault: str = "") -> Figures:
    return Figures(
        key=key,
        name=f"{key} 8.0",
        one_us=Pair(floor=[floor_us], server=[10.0]),
        together_us=Pair(floor=[floor_us], server=[2.5]),
        p99_ms=Pair(floor=[20.0], server=[50.0]),
        viewer_bytes=7_680,
        wire_bytes=304,
        crowd_share=crowd_share,
        faults=[fault] if fault else [],
    )


def report(*found: Figures) -> Report:
    return Report(
        at="2026-01-01", sizes=Sizes(), figures=list(found), absent={"nchan": "get it"}, failed={"nats": "no"}
    )


def test_a_ratio_is_of_medians_so_one_noisy_round_changes_nothing() -> None:
    pair = Pair(floor=[5.0, 4.0, 90.0], server=[10.0, 80.0, 1.0])
    assert (pair.figure, pair.floor_figure, pair.ratio) == (10.0, 5.0, 2.0)


def test_each_server_is_compared_with_the_floor_of_its_own_minutes() -> None:
    floor, one, other = rows([figures(floor_us=5.0), figures(key="nats", floor_us=4.0)])
    assert floor == ["floor", "4.50", "1", "4.50", "1", "20.00", "1", ""]
    assert one == ["ws 8.0", "10.00", "2.00", "2.50", "0.50", "50.00", "2.50", "7.5"]
    assert (other[0], other[2]) == ("nats 8.0", "2.50")


def test_who_is_missing_and_what_may_not_count_is_said() -> None:
    assert remarks(report(figures(), figures(key="nats", crowd_share=0.95, fault="3 events missed"))) == [
        "nchan: not found; get it",
        "nats: not measured: no",
        "nats 8.0: 3 events missed",
        "nats 8.0: the load client used 95% of its core; p99 may be its own",
    ]


def test_the_table_cuts_no_name_in_a_file(tmp_path: Path) -> None:
    name = "starlette 1.10.0 on uvicorn 0.54.0"
    with (tmp_path / "table").open("w+") as file:
        print_report(report(figures(key=name)), Console(file=file))
        file.seek(0)
        assert f"{name} 8.0" in file.read()


def test_an_absent_peer_is_told_and_written_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_PATH", raising=False)
    ran = CliRunner().invoke(main, ["--only", "socket.io", "--viewers", "20", "--results", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert "socket.io: not found; install Node" in ran.output
    written = json.loads((tmp_path / "peers.json").read_bytes())
    assert (written["figures"], list(written["absent"])) == ([], ["socket.io"])


def test_every_peer_has_its_own_key() -> None:
    assert KEYS == ("showdrop", "nchan", "nats", "nats-ws", "ws", "socket.io", "websockets", "starlette")


def test_the_page_gets_the_peers_table_of_what_was_written_and_keeps_the_other(tmp_path: Path) -> None:
    write_report(report(figures(), figures(key="nats", crowd_share=0.95)), tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"{OTHER_BEGIN}\nother\n{END}\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_docs(page, tmp_path)
    text = page.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert (lines[:4], lines[-2:]) == ([OTHER_BEGIN, "other", END, BEGIN], [END, "after"])
    assert lines[4:6] == [
        "| server | CPU µs | x floor | 8 together µs | x floor | p99 ms | x floor | KB per viewer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    assert lines[6] == "| floor | 5.00 | 1 | 5.00 | 1 | 20.00 | 1 |  |"
    assert lines[7] == "| ws 8.0 | 10.00 | 2.00 | 2.50 | 0.50 | 50.00 | 2.50 | 7.5 |"
    assert "old" not in lines
    assert "\n4,000 viewers, the server on one core; medians of 3 rounds.\n2026-01-01, " in text
    assert "\n- nchan: not found; get it\n" in text
    assert "\n- nats 8.0: the load client used 95% of its core" in text


@pytest.mark.parametrize("found", [None, report()])
def test_a_run_that_measured_nobody_leaves_the_page_alone(found: Report | None, tmp_path: Path) -> None:
    if found is not None:
        write_report(found, tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n", encoding="utf-8")
    with pytest.raises(LoadError, match="nobody was measured"):
        write_docs(page, tmp_path)
    assert "old" in page.read_text(encoding="utf-8")


def test_a_report_can_be_read_back(tmp_path: Path) -> None:
    written = report(figures())
    write_report(written, tmp_path)
    assert read_report(tmp_path) == written
