"""A gateway of two processes, as an operator sees it."""

import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from kit.settings import Settings, ensure_secret
from live.tokens import Tokens
from loadtests.free_ports import free_port
from tests.e2e.conftest import READY_S, Deployment, Program


class Pair:
    """A running gateway of two processes beside a running ``showdrop dev``."""

    def __init__(self, deployment: Deployment, program: Program, port: int) -> None:
        self.deployment = deployment
        self.program = program
        self.port = port
        self.ws_url = f"ws://127.0.0.1:{port}"
        secret = ensure_secret(Settings(data_dir=deployment.data_dir))
        token, _ = Tokens(secret).mint("host", "host", None, 3_600)
        self._host = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{deployment.http_port}", headers={"Authorization": f"Bearer {token}"}
        )

    @classmethod
    async def start(cls, deployment: Deployment) -> "Pair":
        """Start everything, and a gateway of two processes beside it."""
        await deployment.start_dev()
        port = free_port()
        program = await deployment.run("gateway", "--processes", "2", "--ws-port", str(port))
        await program.until_printed("showdrop gateway is ready", within_s=READY_S)
        return cls(deployment, program, port)

    async def close(self) -> None:
        await self._host.aclose()

    async def post(self, path: str, body: object) -> dict[str, object]:
        answer = await self._host.post(path, json=body)
        assert answer.is_success, answer.text
        made: dict[str, object] = answer.json()
        return made

    async def first(self, path: str) -> dict[str, object]:
        """Return the first item of a list."""
        answer = await self._host.get(path)
        assert answer.is_success, answer.text
        item: dict[str, object] = answer.json()["items"][0]
        return item

    async def a_live_show(self) -> str:
        show = await self.post("/v1/shows", {"title": "Mugs", "currency": "EUR"})
        await self.post(f"/v1/shows/{show['show_id']}/start", {})
        return str(show["show_id"])

    async def ask(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    async def until_readyz(self, status: int, *, within_s: float) -> httpx.Response:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    answer = await self.ask("/readyz")
                except httpx.TransportError:
                    pass  # it was in the queue of the process that died
                else:
                    if answer.status_code == status:
                        return answer
                await asyncio.sleep(0.02)

    async def count(self, name: str) -> dict[str, float]:
        """Return the value of a metric by process."""
        text = (await self.ask("/metrics")).text
        return {
            one.labels["process"]: one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
            if one.name == name
        }

    def processes(self) -> dict[int, int]:
        """Return the pid of each process by its number."""
        return {
            int(word.removeprefix("--number=")): pid
            for pid, words in children_of(self.program.process.pid).items()
            for word in words
            if word.startswith("--number=")
        }

    def directory(self) -> Path:
        """Return the directory of the sockets."""
        [path] = {
            word.removeprefix("--directory=")
            for words in children_of(self.program.process.pid).values()
            for word in words
            if word.startswith("--directory=")
        }
        return Path(path)


def children_of(parent: int) -> dict[int, list[str]]:
    """Return the command lines of a process's children by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if int(fields[1]) == parent:
                found[int(entry.name)] = words
    return found
