"""The check and traces: their settings are tried as a role would, and their collector is connected to, no more."""

import asyncio
import os

import pytest

from kit.traces import ENDPOINT, SHARE
from live.checkup import collector
from live.checkup.collector import look_at_collector
from live.checkup.facts import CollectorFacts
from loadtests.free_ports import free_port


@pytest.fixture(autouse=True)
def _without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


async def test_without_an_endpoint_there_is_nothing_to_look_at() -> None:
    assert await look_at_collector({ENDPOINT: " ", SHARE: "nonsense"}) == CollectorFacts()


async def test_a_collector_that_is_there_takes_a_connection_and_hears_nothing() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await heard.put(await reader.read())
        except ConnectionError:
            await heard.put(b"")
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await look_at_collector({ENDPOINT: f"http://user:pass-word@127.0.0.1:{port}"})
        assert found == CollectorFacts(address=f"127.0.0.1:{port}")
        assert await asyncio.wait_for(heard.get(), 5) == b""


async def test_a_collector_that_is_away_is_named_without_its_password() -> None:
    port = free_port()
    found = await look_at_collector({ENDPOINT: f"http://user:pass-word@127.0.0.1:{port}"})
    assert found == CollectorFacts(address=f"127.0.0.1:{port}", error="Connection refused")


@pytest.mark.parametrize("scheme", ["http://user:pass-word@", ""])
async def test_behind_a_proxy_it_is_the_proxy_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    port = free_port()
    monkeypatch.setenv("HTTP_PROXY", f"{scheme}127.0.0.1:{port}")
    environ = {ENDPOINT: "http://collector.invalid:4318"}
    away = CollectorFacts(address="collector.invalid:4318", proxy=f"127.0.0.1:{port}", error="Connection refused")
    assert await look_at_collector(environ) == away
    monkeypatch.setenv("NO_PROXY", "collector.invalid")
    assert (await look_at_collector(environ)).proxy == ""


async def test_a_name_that_cannot_be_is_a_line() -> None:
    found = await look_at_collector({ENDPOINT: f"http://{'x' * 70}.invalid:4318"})
    assert found.error
    assert not found.refused


async def test_a_collector_that_is_silent_does_not_hold_up_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "COLLECTOR_TIMEOUT_S", 0.0)
    found = await look_at_collector({ENDPOINT: "http://127.0.0.1:4318"})
    assert found.error == "no answer within 0 s"


@pytest.mark.parametrize(
    "environ",
    [
        {ENDPOINT: "collector:4318"},
        {ENDPOINT: "http://127.0.0.1:1", SHARE: "half"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS": "pass-word"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "-1"},
    ],
    ids=["address", "share", "headers", "another"],
)
async def test_what_a_role_would_refuse_is_found(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)  # the SDK reads its own
    found = await look_at_collector(environ)
    assert found.refused
    assert "pass-word" not in found.refused
