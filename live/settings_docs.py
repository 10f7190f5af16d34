"""Writes ``docs/settings.md``, every variable that the program reads: ``python -m live.settings_docs``."""

from pathlib import Path
from typing import Final

from checkout.payments.settings import PAYMENT_VARIABLES
from kit.settings import VARIABLES, Variable
from kit.traces import TRACE_VARIABLES

FILE: Final = Path(__file__).parents[1] / "docs" / "settings.md"

_HEAD: Final = """# Settings

<!-- Made by `python -m live.settings_docs` from the code; a test compares it. -->

Everything that can be set from outside, from the environment. Flags of a command override the common ones. A wrong
value is one line that names the variable, and exit 2; `showdrop check` tells all that are wrong at once. An empty
value counts as not set. A role warns of variables that begin with `SHOWDROP_` and that nothing reads. `showdrop --help`
lists the same.

"""

_PAYMENTS: Final = """
## Payment providers

A provider takes payments as soon as its key is set. What they mean together: [payments.md](payments.md#settings).

"""

_TRACES: Final = """
## Traces

They want the extra `showdrop[otel]`, which the lock files have, and so the image; `showdrop check` does not look at
them. What a trace holds: [operations.md](operations.md#traces).

"""


def table_of(variables: tuple[Variable, ...]) -> str:
    """Return a table in Markdown, one row for each variable."""
    rows = [f"| `{one.name}` | {one.default} | {one.meaning} |" for one in variables]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows]) + "\n"


def settings_page() -> str:
    """Return the page."""
    payments = _PAYMENTS + table_of(PAYMENT_VARIABLES)
    return _HEAD + table_of(VARIABLES) + payments + _TRACES + table_of(TRACE_VARIABLES)


if __name__ == "__main__":
    FILE.write_text(settings_page(), encoding="utf-8")
