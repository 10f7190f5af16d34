"""SQL that lives in ``.sql`` files, in named blocks, so that it can be read, searched and explained as SQL.

A block starts with a line ``-- name: take_due_orders`` and runs to the next such line. Comment lines between the
name and the statement belong to the reader.
"""

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The named statements of one ``.sql`` file, as attributes.

    Args:
        path: the file. A name that stands in it twice, or text before the first name that is not a comment, is an
            error at start, not at the first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        pieces = _NAME.split(path.read_text(encoding="utf-8"))
        preamble, names, bodies = pieces[0], pieces[1::2], pieces[2::2]
        if any(line.strip() and not line.startswith("--") for line in preamble.splitlines()):
            raise ValueError(f"{path}: a statement stands before the first '-- name:' line")
        self._statements = {name: body.strip() for name, body in zip(names, bodies, strict=True)}
        if len(self._statements) != len(names):
            raise ValueError(f"{path}: a name stands there twice")

    def __getattr__(self, name: str) -> str:
        """Return the statement of that name."""
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._path} has no statement named {name!r}") from None
