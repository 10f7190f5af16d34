"""One look tells what is off, several tell drift: the words of the reconciler, and what looks say together. Pure.

A single look cannot tell drift from work under way, since Redis and Postgres are read one after the other. Drift is
what every look shows again until the time for things in flight is over (``lasting``).
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Remedy = Literal[
    "adjust_ledger",
    "adjust_fence",
    "rebuild",
    "freeze",
    "serve_line",
    "resolve_again",
    "tell_news",
    "relay_again",
    "level_again",
    "none",
]
"""What a repair may do; ``none`` needs a person."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is off.

    Attributes:
        about: what it is about, the same in every look.
        text: for a person, with figures.
        target: what the remedy works on: a SKU, a pool, an order, a show, a channel.
    """

    about: str
    text: str
    remedy: Remedy
    target: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check; ``figures`` is what it looked at."""

    check: str
    figures: str
    drifts: tuple[Drift, ...]


Found = tuple[str, list[Drift]]


def pool_drift(pool_id: str, about: str, text: str, *, remedy: Remedy) -> Drift:
    """Return a drift of a pool; ``about`` names it within the pool."""
    return Drift(about=f"{pool_id}:{about}", text=f"{pool_id}: {text}", remedy=remedy, target=pool_id)


def drift_keys(findings: Iterable[Finding]) -> frozenset[tuple[str, str]]:
    """Return what is off, by check and subject; figures may change from look to look."""
    return frozenset((finding.check, drift.about) for finding in findings for drift in finding.drifts)


def lasting(findings: Sequence[Finding], seen_before: frozenset[tuple[str, str]]) -> list[Finding]:
    """Return the findings with only those drifts that every earlier look showed too."""
    return [
        msgspec.structs.replace(
            finding,
            drifts=tuple(drift for drift in finding.drifts if (finding.check, drift.about) in seen_before),
        )
        for finding in findings
    ]
