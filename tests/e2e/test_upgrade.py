"""A new release replaces the old one, role by role, in the middle of a drop: nobody loses anything."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from kit.embedded import EmbeddedServers
from loadtests.free_ports import free_ports
from loadtests.records import read_records
from loadtests.role_http import Role
from loadtests.tiers import TIERS
from loadtests.verifier.command import verify
from tests.e2e.old_release import ROOT, Say, unpack_old_release
from tests.e2e.quickness import broken_but_for_times

ROLES = ("worker", "api", "gateway")
"""In the order in which they are replaced."""

SECRET = "a-secret-of-the-upgrade-test-0123456789"
DROP = "show   1.0 s  drop"
"""What the load client says when the host has announced the drop."""

PROGRAM = (sys.executable, "-P", "-m", "live.cli")
"""The code that PYTHONPATH names, wherever we are."""

pytestmark = pytest.mark.timeout(180)


class Fleet:
    """Two of each role, and room for two more that take over."""

    def __init__(self, folder: Path, servers: EmbeddedServers, old: Path) -> None:
        self.folder = folder
        self.ports = {"api": free_ports(4), "gateway": free_ports(4), "worker": free_ports(4)}
        self.http_port, self.ws_port = free_ports(2)
        self.code = {"old": old, "new": ROOT}
        self.environ = {
            **os.environ,
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "SHOWDROP_SECRET": SECRET,
            "SHOWDROP_TEST_BANK": "on",
            "SHOWDROP_DATA_DIR": str(folder),
        }
        self.records = folder / "records"
        self.load_log = folder / "load.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def doors(self) -> list[str]:
        """What the balancer is told."""
        listened = {self.http_port: self.ports["api"], self.ws_port: self.ports["gateway"]}
        return [f"{port}={','.join(map(str, backends))}" for port, backends in listened.items()]

    def role(self, name: str, number: int, release: str) -> Role:
        port = self.ports[name][number]
        environ = self.environ | {
            "PYTHONPATH": str(self.code[release]),
            "SHOWDROP_HTTP_PORT": str(port if name == "api" else self.http_port),
            "SHOWDROP_WS_PORT": str(port if name == "gateway" else self.ws_port),
        }
        ready_urls = [] if name == "worker" else [f"http://127.0.0.1:{port}/readyz"]
        log = self.folder / f"{release}-{name}-{number}.log"
        return Role([name], environ=environ, log=log, ready_urls=ready_urls, program=PROGRAM)

    def migrate(self, release: str) -> str:
        environ = self.environ | {"PYTHONPATH": str(self.code[release])}
        done = subprocess.run([*PROGRAM, "migrate"], env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
        return done.stdout

    @contextlib.contextmanager
    def balancer(self) -> Iterator[None]:
        command = [sys.executable, "-m", "tests.e2e.balancer", *self.doors]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own command
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == b"balancer is ready\n"
                yield
            finally:
                process.kill()

    @contextlib.contextmanager
    def load(self) -> Iterator["subprocess.Popen[bytes]"]:
        words = [
            "--tier",
            "M",
            "--shape",
            "soak",
            "--soak-s",
            "25",
            "--url",
            self.url,
            "--ws-url",
            self.ws_url,
            "--records",
            str(self.records),
        ]
        command = [sys.executable, "-m", "loadtests.swarm", *words]
        with (
            self.load_log.open("wb") as log,
            subprocess.Popen(command, cwd=ROOT, env=self.environ, stderr=log) as process,  # noqa: S603 - our own
        ):
            try:
                yield process
            finally:
                process.kill()

    def said(self) -> str:
        return self.load_log.read_text()

    def wait_said(self, load: "subprocess.Popen[bytes]", word: str) -> None:
        gives_up_s = time.monotonic() + 60
        while word not in self.said():
            assert load.poll() is None, self.said()
            assert time.monotonic() < gives_up_s, self.said()
            time.sleep(0.05)


def test_roles_that_are_replaced_by_a_new_release_during_a_tier_m_drop_lose_no_event_no_claim_and_no_order(
    tmp_path: Path, record_property: Say
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    is_older = unpack_old_release(old, record_property)
    with contextlib.ExitStack() as stack:
        fleet = Fleet(tmp_path, stack.enter_context(embedded(tmp_path / "servers")), old)
        fleet.migrate("old")
        olds = {name: [fleet.role(name, number, "old") for number in (0, 1)] for name in ROLES}
        news = {name: [fleet.role(name, number, "new") for number in (2, 3)] for name in ROLES}
        for role in chain(*olds.values(), *news.values()):
            stack.callback(role.stop)
        start(chain(*olds.values()))
        stack.enter_context(fleet.balancer())
        load = stack.enter_context(fleet.load())
        fleet.wait_said(load, DROP)
        applied = fleet.migrate("new")
        assert applied.startswith("applied" if is_older else "the schema is up to date")
        ended = []
        for name in ROLES:
            # As an update does it: the new ones are ready before the old ones are told to end, one after the other.
            start(news[name])
            ended += [role.stop() for role in olds[name]]
        plays_on = load.poll() is None
        assert load.wait(90) == 0, fleet.said()
        assert plays_on, "the show was over before the last role was replaced"
        assert ended == [0] * 6
        # An API of the new release is asked itself.
        url = f"http://127.0.0.1:{fleet.ports['api'][2]}"
        report = verify(fleet.records, url, environ=fleet.environ, reconciles=True, secret=SECRET, rolled=True)
        assert broken_but_for_times(report) == []
        back = sum(viewer.lost for run in read_records(fleet.records) for viewer in run.viewers)
        assert back >= TIERS["M"].viewers, "every viewer was on a gateway that was replaced"


def start(roles: Iterable[Role]) -> None:
    started = list(roles)
    for role in started:
        role.start()
    for role in started:
        role.wait_ready()


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[EmbeddedServers]:
    with asyncio.Runner() as runner:
        servers = runner.run(EmbeddedServers.start(folder, durable=False))
        try:
            yield servers
        finally:
            runner.run(servers.stop())
