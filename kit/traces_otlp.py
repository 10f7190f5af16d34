"""Spans over OTLP (HTTP), by the OpenTelemetry SDK, which is installed with ``showdrop[otel]`` and may be missing.

The SDK collects spans and sends them from a thread of its own; what does not fit its queue is dropped, so a collector
that is down costs nobody anything. Headers and resource attributes are read by it (``OTEL_EXPORTER_OTLP_HEADERS``,
``OTEL_RESOURCE_ATTRIBUTES``).
"""

import asyncio
import random
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from kit.errors import SettingError
from kit.log import logger
from kit.traces import CLOSE_MOST_S, ENDPOINT, NO_TRACES, ROOT, Traces, ids_of, share_of

QUEUE_MOST_SPANS: Final = 16_384
"""Spans that wait to be sent: three seconds of a large drop; more are dropped."""

SEND_MOST_S: Final = 3.0
"""Seconds that one call to the collector may take with all its repeats."""

assert SEND_MOST_S < CLOSE_MOST_S

_log = logger("traces")


class _Ids:
    """Gives spans random ids, and the first span of a trace those that are made from the hold."""

    def __init__(self) -> None:
        self.root: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return random.getrandbits(128) if self.root is None else self.root[0]

    def generate_span_id(self) -> int:
        return random.getrandbits(64) or 1 if self.root is None else self.root[1]

    def is_trace_id_random(self) -> bool:
        return False


class OtlpTraces:
    """Fills the port ``kit.traces.Traces``; used from one thread."""

    on = True

    def __init__(self, provider: Any, ids: _Ids) -> None:  # noqa: ANN401 - the SDK may not be installed
        self._api = import_module("opentelemetry.trace")
        self._empty = import_module("opentelemetry.context").Context()
        self._provider = provider
        self._tracer = provider.get_tracer("showdrop")
        self._ids = ids

    @classmethod
    def open(cls, service: str, endpoint: str, *, share: float) -> "OtlpTraces":
        """Return traces that go to a collector; nothing is sent yet.

        Args:
            service: names the role.
            endpoint: of the collector, without ``/v1/traces``.
            share: of the traces that is kept, 0 to 1; every process keeps the same ones.

        Raises:
            SettingError: the SDK is not installed.
        """
        try:
            sdk = import_module("opentelemetry.sdk.trace")
            export = import_module("opentelemetry.sdk.trace.export")
            sampling = import_module("opentelemetry.sdk.trace.sampling")
            resources = import_module("opentelemetry.sdk.resources")
            otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        except ImportError as error:
            raise SettingError(
                f"{ENDPOINT} is set, and OpenTelemetry is not installed; install showdrop[otel], or unset it"
            ) from error
        ids = _Ids()
        provider = sdk.TracerProvider(
            resource=resources.Resource.create({"service.name": service}),
            # By the id alone, whoever made the span before: all spans of a purchase are kept, or none.
            sampler=sampling.TraceIdRatioBased(share),
            id_generator=ids,
            shutdown_on_exit=False,
        )
        sender = otlp.OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND_MOST_S)
        provider.add_span_processor(export.BatchSpanProcessor(sender, max_queue_size=QUEUE_MOST_SPANS))
        return cls(provider, ids)

    def span(self, name: str, of: str, began_ns: int, **ids: str) -> None:
        """Tell a span that ends now."""
        trace_id, root_id = ids_of(of)
        attributes = {"showdrop.hold_id": of} | {f"showdrop.{key}": value for key, value in ids.items()}
        if name == ROOT:
            context, self._ids.root = self._empty, (trace_id, root_id)
        else:
            context = self._under(trace_id, root_id)
        try:
            span = self._tracer.start_span(name, context=context, attributes=attributes, start_time=began_ns)
        finally:
            self._ids.root = None
        span.end(max(began_ns, time.time_ns()))

    async def close(self) -> None:
        """Send what was told, within ``CLOSE_MOST_S``."""
        try:
            async with asyncio.timeout(CLOSE_MOST_S):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            _log.warning("spans_lost", after_s=CLOSE_MOST_S)

    def _under(self, trace_id: int, root_id: int) -> Any:  # noqa: ANN401 - the SDK may not be installed
        flags = self._api.TraceFlags(self._api.TraceFlags.SAMPLED)
        parent = self._api.SpanContext(trace_id, root_id, is_remote=True, trace_flags=flags)
        return self._api.set_span_in_context(self._api.NonRecordingSpan(parent), self._empty)


def open_traces(role: str, environ: Mapping[str, str]) -> Traces:
    """Return where the spans of a role go: nowhere, unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.

    Raises:
        SettingError: it is set and what it takes is not installed, or a value is wrong.
    """
    endpoint = environ.get(ENDPOINT, "").strip()
    if not endpoint:
        return NO_TRACES
    if not endpoint.startswith(("http://", "https://")):
        raise SettingError(f"{ENDPOINT} does not begin with http:// or https://")
    return OtlpTraces.open(f"showdrop {role}", endpoint, share=share_of(environ))
