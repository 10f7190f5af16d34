"""Traces: what happened to one purchase, as spans that OpenTelemetry tools can show. Off unless somebody asks.

A span is told when it is over, so nothing is carried along. All spans of a purchase belong to one trace although four
processes make them: its id, and that of the first span, are made from the hold's id, which every one of them knows.
"""

import asyncio
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Protocol

from kit.errors import SettingError
from kit.settings import Variable

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
SHARE: Final = "OTEL_TRACES_SAMPLER_ARG"

TRACE_VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(ENDPOINT, "none", "collector of traces, http:// or https://, without /v1/traces; with it spans are sent"),
    Variable(SHARE, "1", "share of the purchases whose traces are kept, 0 to 1, the same ones in every process"),
    Variable("OTEL_EXPORTER_OTLP_HEADERS", "none", "headers for the collector, name=value, separated by commas"),
    Variable(
        "OTEL_RESOURCE_ATTRIBUTES", "none", "what every span says of its process, name=value, separated by commas"
    ),
)
"""The last two are read by the SDK; its further ones (time-outs, certificates, queues) are not listed."""

ROOT: Final = "claim"
"""The span that all others of a trace stand under."""

CLOSE_MOST_S: Final = 4.0
"""Seconds that the last spans get to leave."""


class Traces(Protocol):
    """Where spans go.

    Attributes:
        on: whether anybody wants them; a caller who has to look for ids need not when it is False.
    """

    on: bool

    def span(self, name: str, of: str, began_ns: int, **ids: str) -> None:
        """Tell a span that ends now.

        Args:
            name: what was done; ``ROOT`` for the first one.
            of: the id of the hold, which names the trace.
            began_ns: nanoseconds since the epoch.
            ids: what else it was about, such as ``order_id``. Nobody's name or address.
        """
        ...

    async def close(self) -> None:
        """Send what was told, within ``CLOSE_MOST_S``."""
        ...


class _NoTraces:
    on = False

    def span(self, name: str, of: str, began_ns: int, **ids: str) -> None:
        pass

    async def close(self) -> None:
        await asyncio.sleep(0)


NO_TRACES: Final[Traces] = _NoTraces()


def ids_of(hold_id: str) -> tuple[int, int]:
    """Return the ids of a hold's trace, 128 bits, and of its first span, 64 bits; neither is 0."""
    digest = blake2b(hold_id.encode(), digest_size=24, person=b"showdrop trace").digest()
    return int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:]) or 1


def share_of(environ: Mapping[str, str]) -> float:
    """Return which share of the traces is kept, 0 to 1: all, if nothing is said.

    Raises:
        SettingError: it is no such number.
    """
    text = environ.get(SHARE, "").strip() or "1"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise SettingError(f"{SHARE}={text!r} is not a number from 0 to 1")
    return share
