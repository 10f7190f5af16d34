"""Spans over OTLP, as a collector receives them."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest

from kit.errors import SettingError
from kit.traces import CLOSE_MOST_S, ENDPOINT, SHARE, Traces, ids_of
from kit.traces_otlp import open_traces


class Collector:
    """Takes what is posted to ``/v1/traces``."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []  # the service's name, and the span
        self.paths: set[str] = set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                self.paths.add(head.split()[1].decode())
                self._take(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it hung up
        finally:
            writer.close()

    def _take(self, body: bytes) -> None:
        types = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        for resource in types.ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield collector
    server.close()


def traces_of(role: str, collector: Collector, share: str = "1") -> Traces:
    return open_traces(role, {ENDPOINT: f"{collector.url}/", SHARE: share})


async def test_what_several_processes_tell_of_a_purchase_is_one_trace_under_the_claim(collector: Collector) -> None:
    gateway, worker = traces_of("gateway", collector), traces_of("worker", collector)
    began_ns = time.time_ns() - 5_000_000
    worker.span("settle", "hold_1", began_ns, order_id="order_1", offer_id="offer_1", show_id="show_1")
    gateway.span("claim", "hold_1", began_ns, offer_id="offer_1", show_id="show_1")
    gateway.span("claim", "hold_2", began_ns)
    await gateway.close()
    await worker.close()
    assert collector.paths == {"/v1/traces"}
    spans = {(service, span.name, span.trace_id): span for service, span in collector.spans}
    trace_id, root_id = ids_of("hold_1")
    trace = trace_id.to_bytes(16)
    claim, settle = spans["showdrop gateway", "claim", trace], spans["showdrop worker", "settle", trace]
    assert (claim.span_id, claim.parent_span_id) == (root_id.to_bytes(8), b"")
    assert settle.parent_span_id == claim.span_id != settle.span_id
    assert {one.key: one.value.string_value for one in settle.attributes} == {
        "showdrop.hold_id": "hold_1",
        "showdrop.order_id": "order_1",
        "showdrop.offer_id": "offer_1",
        "showdrop.show_id": "show_1",
    }
    assert settle.start_time_unix_nano == began_ns
    assert settle.end_time_unix_nano > began_ns
    assert len(collector.spans) == 3


async def test_every_process_keeps_the_same_share_of_the_purchases(collector: Collector) -> None:
    gateway, worker = traces_of("gateway", collector, "0.5"), traces_of("worker", collector, "0.5")
    for number in range(200):
        gateway.span("claim", f"hold_{number}", time.time_ns())
        worker.span("capture", f"hold_{number}", time.time_ns())
    await gateway.close()
    await worker.close()
    kept = {name: {span.trace_id for _, span in collector.spans if span.name == name} for name in ("claim", "capture")}
    assert kept["claim"] == kept["capture"]
    assert 60 < len(kept["claim"]) < 140


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-5"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
    ],
)
def test_a_variable_that_the_sdk_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match="OTEL_"):
        open_traces("api", {ENDPOINT: "http://127.0.0.1:4318"})


_ASKS_FOR_NOTHING = """
import sys
from kit.traces_otlp import open_traces
from live.roles import api, gateway, worker

assert not open_traces("gateway", {}).on
senders = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf")
print(*(name for name in sys.modules if name.startswith(senders)))
"""


async def test_who_asks_for_no_traces_does_not_load_what_sends_them() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASKS_FOR_NOTHING, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, said.split()) == (0, [])


_TELLS_AND_ENDS = """
import asyncio, os, time
from kit.traces_otlp import open_traces

async def tell() -> None:
    traces = open_traces("gateway", os.environ)
    for n in range(8000):
        traces.span("claim", f"hold_{n}", time.time_ns())
    await traces.close()

asyncio.run(tell())
"""


async def test_a_collector_that_never_answers_does_not_hold_up_the_end_of_a_process() -> None:
    served: set[asyncio.StreamWriter] = set()

    def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(writer)

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        environ = os.environ | {ENDPOINT: endpoint}
        began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _TELLS_AND_ENDS, env=environ, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            assert await asyncio.wait_for(process.wait(), 4 * CLOSE_MOST_S) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert served, "it tried"
        assert time.monotonic() - began_s < 2 * CLOSE_MOST_S + 2
        for writer in served:
            writer.transport.abort()
