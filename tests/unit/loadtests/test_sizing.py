"""The sizing table: its arithmetic, what it refuses, and that the page has the figures that the command makes."""

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from live.roles import api, gateway, worker
from loadtests.bench.docs_table import END, replaced
from loadtests.bench.result import OURS, RowResult, write_results
from loadtests.errors import LoadError
from loadtests.memory import Memory
from loadtests.names import API, GATEWAY, POSTGRES, REDIS, WORKER
from loadtests.sizing import PAGE, PARTS, main, marker_of, read_measured, read_soaked, write_page
from loadtests.sizing_input import BENCH_ROWS, Played, Soaked
from loadtests.sizing_table import CONNECTIONS, Row, rows_of, soak_rows_of, soak_sizing
from loadtests.sizing_table import sizing as table_of
from loadtests.stored import Growth, Kept

DETAILS: dict[str, float | str] = {
    "Redis: µs per claim": 8.0,
    "gateway: µs per order": 200.0,
    "API and worker: µs per order": 160.0,
    "Redis: µs per order": 60.0,
    "Postgres: µs per order": 380.0,
    "before, MiB": 80.0,
    "gateways' memory, MiB": 260.0,
}
CPU = {API: 0.01, WORKER: 0.04, GATEWAY: 0.5, REDIS: 0.02, POSTGRES: 0.03, "load client": 0.4}
MEMORY = [Memory(role=role, first_mib=80.0, last_mib=81.0, most_mib=90.0) for role in (API, WORKER, GATEWAY)]


def grown(store: str, kind: str, *, count: int, size_bytes: int) -> Growth:
    return Growth(store=store, kind=kind, before=Kept(10, 1_000), after=Kept(10 + count, 1_000 + size_bytes))


STORED = [
    grown(POSTGRES, "orders", count=1_000, size_bytes=1),
    grown(POSTGRES, "database", count=0, size_bytes=3 * 1024 * 1_000),
    grown(REDIS, "used_memory", count=0, size_bytes=512 * 1_000),
]


def played(tier: str, *, shape: str = "show", held: bool = True, cpu: dict[str, float] = CPU) -> Played:
    verdict = "held" if held else "BROKEN"
    return Played(tool="swarm", tier=tier, shape=shape, verdict=verdict, held=held, cpu=cpu)


def soaked(memory: list[Memory] = MEMORY, stored: list[Growth] = STORED, broken: tuple[str, ...] = ()) -> Soaked:
    return Soaked(took_s=7_230, shows=119, broken=list(broken), orders=2_380, memory=memory, stored=stored)


def write(path: Path, what: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(what))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Small results, as the benchmarks and the load tests write them: the folders of both."""
    bench, load = tmp_path / "bench", tmp_path / "load"
    results = [
        RowResult(row=row, what=row, unit="", columns={OURS: 5.0}, limit="", reached=True, details=DETAILS)
        for row in BENCH_ROWS
    ]
    write_results(results, bench, at="2026-11-22T10:00:00+00:00")
    machine, versions = {"processor": "x", "cores": 2, "system": "Linux"}, {"python": "3.11"}
    rate = {"at": "2026-11-21", "ours": {"per_s": 150_000}, "machine": machine, "versions": versions}
    write(bench / "claims.json", rate)
    write(bench / "settle.json", rate)
    write(bench / "claims-memory.json", {"bytes_each": 224.4})
    for tier in ("S", "M", "L"):
        write(load / tier / "verdict.json", played(tier))
    write(load / "S" / "soak.json", soaked())
    return bench, load


def all_rows(bench: Path, load: Path) -> list[Row]:
    return rows_of(read_measured(bench, load)) + soak_rows_of(read_soaked(load), "S/soak.json")


def row(rows: list[Row], what: str) -> Row:
    [found] = [one for one in rows if one.what.startswith(what)]
    return found


def test_the_figures_are_what_the_files_say(folders: tuple[Path, Path]) -> None:
    rows = all_rows(*folders)
    # 5 µs ten times a second are 50 µs of each second, so 20,000 viewers fill a core, and three tenths are planned.
    by_cpu = row(rows, "viewers of one gateway core, by the CPU")
    assert by_cpu.value == pytest.approx(20_000)
    assert by_cpu.plan == pytest.approx(6_000)
    assert row(rows, "viewers of one gateway core, by the average").value == pytest.approx(10_000 / 0.5)
    assert row(rows, "all roles, Redis and Postgres together, 10,000").value == pytest.approx(0.6)
    assert row(rows, "claims of one Redis master, with").value == pytest.approx(125_000)
    assert row(rows, "Postgres, for 1,000 paid orders").plan == pytest.approx(0.76)
    assert row(rows, "a viewer who is sent ten").value == pytest.approx((260 - 2 * 80) * 1024 / 10_000)
    assert row(rows, "Postgres, kept per order").value == pytest.approx(3.0)
    assert row(rows, "Redis, kept per order").plan == pytest.approx(1.0)
    assert row(rows, "memory of the worker").plan == pytest.approx(140)


def test_every_figure_names_its_file_and_its_head_room(folders: tuple[Path, Path]) -> None:
    bench, load = folders
    for one in all_rows(bench, load):
        files = re.findall(r"`(?:bench|load)-results/(\S+?)`", one.source)
        assert files or one.source == "limit of the program"
        assert all((bench / file).exists() or (load / file).exists() for file in files)
    made = table_of(read_measured(bench, load))
    assert "| /s | `bench-results/claims.json`, ours | 75,000 (x 0.5) |" in made
    assert "2026-11-21, x, 2 cores, Linux; python 3.11." in made
    assert soak_sizing(soaked(), "S/soak.json").endswith("\n2.0 hours, 119 shows, 2,380 orders; all held.\n")
    wrong = soak_sizing(soaked(broken=("show 7: BROKEN: no gaps", "gateway grew")), "S/soak.json")
    assert wrong.endswith("; not as it should be: show 7: BROKEN: no gaps; gateway grew.\n")


@pytest.mark.parametrize(
    ("factor", "value", "plan"), [(0.5, 333.0, 160.0), (1.5, 83.0, 130.0), (2.0, 0.0, 0.0), (1, 12.0, 12.0)]
)
def test_a_share_is_rounded_down_and_a_need_up(factor: float, value: float, plan: float) -> None:
    assert Row(what="", value=value, unit="", source="", factor=factor).plan == pytest.approx(plan)


MISSING = [(f"fan-out-{name}.json", f"python -m loadtests.bench {name}") for name in BENCH_ROWS]
MISSING += [("claims.json", "showdrop bench claims"), ("claims-memory.json", "showdrop bench claims")]
MISSING += [("settle.json", "showdrop bench settle"), ("M/verdict.json", "make load TIER=M")]
MISSING += [("S/soak.json", "make load TIER=S ARGS='--for-s 7200'")]


@pytest.mark.parametrize(("file", "command"), MISSING)
def test_a_missing_file_is_one_line_with_the_command_that_makes_it(
    folders: tuple[Path, Path], file: str, command: str
) -> None:
    bench, load = folders
    [path] = [folder / file for folder in folders if (folder / file).exists()]
    path.unlink()
    ran = CliRunner().invoke(main, ["--bench", str(bench), "--load", str(load)])
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr == f"sizing: {path} cannot be read (No such file or directory); this makes it: {command}\n"


def test_rates_are_made_without_a_soak_and_a_soaks_figures_without_the_rest(folders: tuple[Path, Path]) -> None:
    bench, load = folders
    (load / "S" / "soak.json").rename(load / "kept")
    ran = CliRunner().invoke(main, ["rates", "--bench", str(bench), "--load", str(load)])
    assert ran.exit_code == 0
    assert "soak" not in ran.stdout
    assert "claims of one Redis master" in ran.stdout
    (load / "kept").rename(load / "S" / "soak.json")
    ran = CliRunner().invoke(main, ["soak", "--bench", str(bench / "none"), "--load", str(load)])
    assert ran.exit_code == 0
    assert "memory of the worker, the most of a soak" in ran.stdout
    assert "claims of one Redis master" not in ran.stdout


@pytest.mark.parametrize(
    ("file", "what", "said"),
    [
        ("L/verdict.json", played("L", held=False), "not held"),
        ("L/verdict.json", played("L", cpu={API: 0.1}), "no figure"),
        ("M/verdict.json", played("M", shape="drop"), "of the shape drop and not .* it: make load TIER=M$"),
        ("S/soak.json", soaked(memory=[]), "less than 1800 s"),
        ("S/soak.json", soaked(stored=STORED[1:]), "orders in Postgres"),
        ("S/soak.json", {"memory": "much"}, "not what was expected"),
    ],
)
def test_a_run_that_proves_nothing_is_no_measurement(
    folders: tuple[Path, Path], file: str, what: object, said: str
) -> None:
    write(folders[1] / file, what)
    with pytest.raises(LoadError, match=said):
        all_rows(*folders)


def test_a_figure_in_doubt_is_not_used(folders: tuple[Path, Path]) -> None:
    doubtful = RowResult(
        row="one", what="", unit="", columns={OURS: 5.0}, limit="", reached=True, doubts=["the client was busy"]
    )
    write_results([doubtful], folders[0], at="2026-11-22T10:00:00+00:00")
    with pytest.raises(LoadError, match="the client was busy"):
        read_measured(*folders)


def test_connections_are_those_of_the_program() -> None:
    hears = 1  # checkout/listen_pg.py, outside the pool
    pools = {API: api.POSTGRES_CONNECTIONS, GATEWAY: gateway.POSTGRES_CONNECTIONS, WORKER: worker.POSTGRES_CONNECTIONS}
    assert pools | {WORKER: pools[WORKER] + hears} == CONNECTIONS


@pytest.mark.parametrize("part", PARTS)
def test_the_page_has_one_place_and_in_it_the_rows_that_the_command_makes(
    part: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    page = tmp_path / "operations.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    write_page(page, part, PARTS[part](*folders))
    assert heads_of(page, part) == heads_of(PAGE, part), f"run python -m loadtests.sizing {part} --write-docs"


def heads_of(page: Path, part: str) -> set[str]:
    """Return the first column of a sizing table of the page."""
    text = page.read_text(encoding="utf-8")
    assert replaced(text, marker_of(part), "new\n") != text
    table = text.partition(marker_of(part))[2].partition(END)[0]
    return {line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")}
