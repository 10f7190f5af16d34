"""What the check says: one line for each thing it looked at. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from live.checkup.limits import FOUND_MAX_CHARS

State = Literal["ok", "warn", "fail"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One line.

    Attributes:
        check: what was looked at.
        state: ``warn`` is worth a thought, with ``fail`` the deployment is not fit for a show.
        found: what is there, with figures; never a secret.
        remedy: one sentence that says what to do; empty when there is nothing to do.
    """

    check: str
    state: State
    found: str
    remedy: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, as ``--json`` prints it; ``ok`` is true while nothing has failed."""

    ok: bool
    checks: tuple[Verdict, ...]


def report_of(verdicts: Iterable[Verdict]) -> Report:
    """Return the report of these lines, fit to be printed: what others wrote into names is."""
    checks = tuple(msgspec.structs.replace(one, found=printable(one.found)) for one in verdicts)
    return Report(ok=all(one.state != "fail" for one in checks), checks=checks)


def fine(check: str, found: str) -> Verdict:
    """Return a line about something that is as it should be."""
    return Verdict(check=check, state="ok", found=found)


def graded(check: str, value: float, *, warn_above: float, fail_above: float, found: str, remedy: str) -> Verdict:
    """Return a line about a figure that should be small."""
    state: State = "fail" if value > fail_above else "warn" if value > warn_above else "ok"
    return Verdict(check=check, state=state, found=found, remedy="" if state == "ok" else remedy)


def printable(text: str) -> str:
    """Return a text on one line, without what would steer a terminal or cannot be encoded, and not endless."""
    short = text if len(text) <= FOUND_MAX_CHARS else f"{text[:FOUND_MAX_CHARS]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in short)


def named(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def in_bytes(count: int) -> str:
    """Return bytes as a person reads them."""
    for unit, size in (("GB", 1024**3), ("MB", 1024**2)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
