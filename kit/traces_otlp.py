"""Spans over OTLP (HTTP), by the OpenTelemetry SDK, which is installed with ``showdrop[otel]`` and may be missing.

The SDK collects spans and sends them from a thread of its own; what does not fit its queue is dropped, so a collector
that is down costs nobody anything. Headers and resource attributes are read by it (``OTEL_EXPORTER_OTLP_HEADERS``,
``OTEL_RESOURCE_ATTRIBUTES``).
"""

import asyncio
import contextlib
import logging
import random
import re
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from kit.errors import SettingError
from kit.log import logger
from kit.traces import CLOSE_MOST_S, ENDPOINT, NO_TRACES, ROOT, Traces, ids_of, share_of

QUEUE_MOST_SPANS: Final = 16_384
"""Spans that wait to be sent: three seconds of a large drop; more are dropped."""

REASON_MAX_CHARS: Final = 200
"""Characters of what the SDK says about a variable."""

SEND_MOST_S: Final = 3.0
"""Seconds that one call to the collector may take with all its repeats."""

assert SEND_MOST_S < CLOSE_MOST_S

HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_HEADER: Final = re.compile(r"\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=")

_USUAL_PORTS: Final = {"http": 80, "https": 443}

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
            SettingError: the SDK is not installed, or refuses one of its own variables.
        """
        try:
            return cls._open(service, endpoint, share)
        except ImportError as error:
            raise SettingError(
                f"{ENDPOINT} is set, and OpenTelemetry is not installed; install showdrop[otel], or unset it"
            ) from error
        except Exception as error:
            why = " ".join(str(error).split())[:REASON_MAX_CHARS]
            raise SettingError(f"OpenTelemetry refuses one of the OTEL_ variables: {why}") from error

    @classmethod
    def _open(cls, service: str, endpoint: str, share: float) -> "OtlpTraces":
        # It logs a header that it cannot read, and a header holds a password. What cannot be one was refused before.
        logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL)
        sdk = import_module("opentelemetry.sdk.trace")
        export = import_module("opentelemetry.sdk.trace.export")
        sampling = import_module("opentelemetry.sdk.trace.sampling")
        resources = import_module("opentelemetry.sdk.resources")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
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
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(closed.set)

        # The SDK waits for half a minute, and the end of the process waits for a thread of `asyncio.to_thread`.
        threading.Thread(target=shut_down, name="traces", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_MOST_S):
                await closed.wait()
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
    if collector_of(environ) is None:
        return NO_TRACES
    # What is wrong is not repeated: headers may hold a password, as the address may.
    for name in HEADERS:
        if not all(_HEADER.match(pair) for pair in environ.get(name, "").split(",") if pair.strip()):
            raise SettingError(f"{name} is malformed; write it like name=value,name=value")
    return OtlpTraces.open(f"showdrop {role}", environ[ENDPOINT].strip(), share=share_of(environ))


def collector_of(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return host and port of the collector of traces; None when there is to be none.

    Raises:
        SettingError: its address is malformed.
    """
    endpoint = environ.get(ENDPOINT, "").strip()
    if not endpoint:
        return None
    host = port = None
    with contextlib.suppress(ValueError):
        parts = urlsplit(endpoint)
        usual = _USUAL_PORTS.get(parts.scheme, 0)
        host, port = parts.hostname, usual and (usual if parts.port is None else parts.port)
    if not host or not port:
        raise SettingError(f"{ENDPOINT} is no address; write it like http://collector:4318")
    return host, port


def proxy_of(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return host and port of the proxy that spans go through; None without one, or without the SDK.

    ``HTTP_PROXY`` and its kind are read by the library that the SDK sends with, and by its rules.
    """
    endpoint = environ.get(ENDPOINT, "").strip()
    try:
        sends = import_module("requests.utils")
        proxy: str | None = sends.select_proxy(endpoint, sends.get_environ_proxies(endpoint))
        if not proxy:
            return None
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return parts.hostname or "", parts.port or _USUAL_PORTS.get(parts.scheme, 0)
    except (ImportError, ValueError):
        return None
