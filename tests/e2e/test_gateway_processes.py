"""``showdrop gateway --processes``: one gateway to viewers and operators, whatever happens to its processes."""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from live import wire
from live.client import ShowdropClient
from live.close_codes import CloseCode
from live.roles.limits import HANG_ASK_EVERY_S, HANG_ASKS_MOST, SIBLING_ANSWER_S
from loadtests.free_ports import free_port
from tests.e2e.conftest import READY_S, SHOWDROP, STOP_S, Deployment, Program
from tests.e2e.gateway_pair import Pair, children_of

pytestmark = pytest.mark.timeout(90)

AGAIN_S = 15.0
"""A process that died is back, however busy the machine is."""


def lives(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def until_gone(pids: list[int], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while any(lives(pid) for pid in pids):
            await asyncio.sleep(0.02)


@pytest.fixture
async def pair(deployment: Deployment) -> AsyncIterator[Pair]:
    """Two processes that share a port."""
    made = await Pair.start(deployment)
    yield made
    await made.close()


class Viewer:
    """A client that notes what it was told."""

    def __init__(self, pair: Pair, show_id: str) -> None:
        self.seqs: list[int] = []
        self.recovered: list[bool] = []
        self.first_seq = 0
        self.client = ShowdropClient(pair.ws_url, show_id, on_message=self._take)

    def _take(self, message: wire.ServerMessage) -> None:
        if isinstance(message, wire.Welcome):
            if not self.recovered:
                self.first_seq = message.seq
            self.recovered.append(message.recovered)
        elif isinstance(message, wire.LogEvent):
            self.seqs.append(message.seq)


async def enter_both(pair: Pair, show_id: str, stack: AsyncExitStack) -> list[Viewer]:
    """Let viewers in until each process has two."""
    viewers: list[Viewer] = []
    async with asyncio.timeout(20):
        while len(viewers) < 8 or min((await pair.count("showdrop_gateway_joins_total")).values()) < 2:
            viewer = Viewer(pair, show_id)
            await stack.enter_async_context(viewer.client)
            await viewer.client.welcomed()
            viewers.append(viewer)
    return viewers


async def until_all_heard(viewers: list[Viewer], last_seq: int, *, within_s: float) -> None:
    """Wait until each heard everything after its first welcome, in order and once."""
    async with asyncio.timeout(within_s):
        while any(not viewer.seqs or viewer.seqs[-1] < last_seq for viewer in viewers):
            await asyncio.sleep(0.02)
    for viewer in viewers:
        assert viewer.seqs == list(range(viewer.first_seq + 1, last_seq + 1))


async def test_a_process_killed_with_nine_comes_back_and_its_viewers_miss_nothing(pair: Pair) -> None:
    show_id = await pair.a_live_show()
    async with AsyncExitStack() as stack:
        viewers = await enter_both(pair, show_id, stack)
        joins = await pair.count("showdrop_gateway_joins_total")
        assert sum(joins.values()) == len(viewers)
        await pair.post(f"/v1/shows/{show_id}/pause", {})
        last_seq = max(viewer.first_seq for viewer in viewers) + 1
        await until_all_heard(viewers, last_seq, within_s=10)

        before = pair.processes()
        os.kill(before[1], signal.SIGKILL)
        red = await pair.until_readyz(503, within_s=5)
        assert red.json()["failing"] == {"process 1": "no answer"}
        for verb in ("resume", "pause", "resume"):
            await pair.post(f"/v1/shows/{show_id}/{verb}", {})
        await pair.until_readyz(200, within_s=AGAIN_S)
        await until_all_heard(viewers, last_seq + 3, within_s=AGAIN_S)

        after = pair.processes()
        assert after[0] == before[0]
        assert after[1] != before[1]
        came_back = [viewer for viewer in viewers if viewer.client.welcomes > 1]
        assert len(came_back) == joins["1"]
        assert all(viewer.recovered == [False, True] for viewer in came_back)
        assert "process=1" in pair.program.printed
        assert "SIGKILL" in pair.program.printed
        # The one that took its place serves viewers again.
        more = await enter_both(pair, show_id, stack)
        await pair.post(f"/v1/shows/{show_id}/pause", {})
        await until_all_heard(viewers + more, last_seq + 4, within_s=10)


async def test_a_process_that_hangs_is_replaced_and_one_that_stands_still_for_a_moment_is_not(pair: Pair) -> None:
    before = pair.processes()
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(HANG_ASK_EVERY_S + SIBLING_ANSWER_S)
    os.kill(before[0], signal.SIGCONT)
    await until_gone([before[1]], within_s=2 * HANG_ASKS_MOST * (HANG_ASK_EVERY_S + SIBLING_ANSWER_S))
    await pair.until_readyz(200, within_s=AGAIN_S)
    after = pair.processes()
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert "gateway_process_hangs" in pair.program.printed


async def test_sigterm_sends_every_viewer_a_goodbye_and_leaves_nothing(pair: Pair) -> None:
    show_id = await pair.a_live_show()
    pids, directory = list(pair.processes().values()), pair.directory()
    assert len(pids) == 2
    assert directory.stat().st_mode & 0o777 == 0o700

    async def watch(entered: "asyncio.Queue[None]") -> tuple[bool, int | None]:
        told = False
        url = f"{pair.ws_url}/v1/shows/{show_id}/live"
        async with connect(url, subprotocols=[Subprotocol(wire.JSON_SUBPROTOCOL)], compression=None) as connection:
            await connection.send(wire.encode_json(wire.Hello()), text=True)
            try:
                while True:
                    message = wire.decode_server(await connection.recv(decode=False))
                    if isinstance(message, wire.Welcome):
                        entered.put_nowait(None)
                    told = told or isinstance(message, wire.Goodbye)
            except ConnectionClosed as closed:
                return told, closed.rcvd.code if closed.rcvd else None

    entered: asyncio.Queue[None] = asyncio.Queue()
    watching = [asyncio.create_task(watch(entered)) for _ in range(24)]
    async with asyncio.timeout(10):
        for _ in watching:
            await entered.get()
    assert all((await pair.count("showdrop_gateway_joins_total")).values())

    pair.program.process.send_signal(signal.SIGTERM)
    assert await pair.program.ended(within_s=STOP_S) == 0, pair.program.printed
    async with asyncio.timeout(5):
        assert set(await asyncio.gather(*watching)) == {(True, int(CloseCode.SERVICE_RESTART))}
    assert not any(lives(pid) for pid in pids)
    assert not directory.exists()
    assert "gateway_process_ended" not in pair.program.printed
    assert "Traceback" not in pair.program.printed


async def test_processes_die_with_a_parent_that_is_killed_with_nine(pair: Pair) -> None:
    pids, directory = list(pair.processes().values()), pair.directory()
    pair.program.kill_nine()
    await until_gone(pids, within_s=5)
    # Nobody listens on behalf of the dead; a thread of theirs may take some milliseconds longer to go.
    async with asyncio.timeout(10):
        while not is_free(pair.port):
            await asyncio.sleep(0.01)
    assert [pid for pid in pids if lives(pid)] == []
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


async def test_a_process_that_cannot_start_again_is_tried_again_at_growing_intervals(pair: Pair) -> None:
    directory = pair.directory()
    moved = directory.with_name(f"{directory.name}-moved")
    directory.rename(moved)
    os.kill(pair.processes()[0], signal.SIGKILL)
    await pair.program.until_printed("starts_again_in_s=0.4", within_s=AGAIN_S)
    assert "cannot make the socket" in pair.program.printed
    moved.rename(directory)
    await pair.program.until_printed("gateway_process_started_again", within_s=AGAIN_S)
    assert (await pair.until_readyz(200, within_s=5)).json() == {"status": "ready", "failing": {}}
    assert "Traceback" not in pair.program.printed


async def test_an_operator_sees_one_gateway_and_cannot_start_another_on_its_port(pair: Pair) -> None:
    text = (await pair.ask("/metrics")).text
    assert text.count("# TYPE showdrop_gateway_connections gauge") == 1
    assert "showdrop_gateway_processes_up 2.0" in text
    assert set(await pair.count("showdrop_gateway_connections")) == {"0", "1"}
    assert (await pair.ask("/healthz")).json() == {"status": "ok", "role": "gateway"}
    async with httpx.AsyncClient() as client:  # a single process answers as ever
        alone = (await client.get(f"http://127.0.0.1:{pair.deployment.ws_port}/metrics")).text
    assert 'process="' not in alone
    assert "showdrop_gateway_processes" not in alone

    for processes in ("1", "2"):
        second = await pair.deployment.run("gateway", "--processes", processes, "--ws-port", str(pair.port))
        assert await second.ended(within_s=READY_S) == 1
        [line] = second.printed.splitlines()
        assert line.startswith(f"showdrop: cannot listen on 127.0.0.1:{pair.port} (Address already in use)")
    assert (await pair.ask("/readyz")).status_code == 200


async def test_a_start_that_fails_is_one_line(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployment.start_dev()
    port = f"{deployment.ws_port}"  # dev has it
    taken = await deployment.run("gateway", "--processes", "2", "--ws-port", port)
    assert await taken.ended(within_s=READY_S) == 1
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    # The first failure that only the processes themselves can find.
    unable = await deployment.run("gateway", "--processes", "3", "--ws-port", str(free_port()))
    assert await unable.ended(within_s=READY_S) == 1
    for program, says in ((taken, f"cannot listen on 127.0.0.1:{port}"), (unable, "cannot make the socket")):
        [line] = program.printed.splitlines()
        assert line.startswith(f"showdrop: {says}")
    assert list(long.iterdir()) == []


async def test_a_signal_ends_all_however_early_it_comes(deployment: Deployment) -> None:
    await deployment.start_dev()
    early = await deployment.run("gateway", "--processes", "2", "--ws-port", str(free_port()))
    async with asyncio.timeout(READY_S):
        while not (pids := list(children_of(early.process.pid))):
            await asyncio.sleep(0.005)
    early.process.send_signal(signal.SIGTERM)
    assert await early.ended(within_s=STOP_S) == 0, early.printed
    assert "is ready" not in early.printed

    # As Ctrl-C in a terminal does: to the whole process group at once.
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        SHOWDROP,
        *("gateway", "--processes", "2", "--ws-port", str(port), "--data-dir", str(deployment.data_dir)),
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    program = Program(process)
    try:
        await program.until_printed("showdrop gateway is ready", within_s=READY_S)
        pids += list(children_of(process.pid))
        # Sessions of their own: what the terminal sends reaches only the parent, which tells them in order.
        assert all(os.getsid(pid) == pid for pid in children_of(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        assert await program.ended(within_s=STOP_S) == 0, program.printed
    finally:
        if process.returncode is None:
            program.kill_nine()
            await program.ended(within_s=STOP_S)
    assert len(pids) > 2
    assert not any(lives(pid) for pid in pids)
    warnings = ("test_bank_is_on", "too_few_open_files")
    for one in (early, program):
        lines = [line for line in one.printed.splitlines() if not any(name in line for name in warnings)]
        ready = ["payments: test", f"showdrop gateway is ready on ws://127.0.0.1:{port}, 2 processes"]
        assert lines in ([], ready)
