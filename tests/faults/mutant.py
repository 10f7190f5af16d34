"""What an error in the code would look like, and which part of the suite has to notice it."""

from pathlib import Path
from typing import Final

import msgspec

BOOK: Final = (
    "tests/integration/inventory/test_holds_redis.py",
    "tests/integration/inventory/test_sale_claims.py",
    "tests/integration/inventory/test_sale_ends.py",
    "tests/integration/inventory/test_sale_line.py",
    "tests/integration/inventory/test_sale_rebuilt.py",
    "tests/integration/inventory/test_sale_simulated.py",
    "tests/integration/inventory/test_book_machine.py",
)


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to break the code.

    Attributes:
        name: of the mutant.
        breaks: what is wrong then, for the table.
        path: of the file.
        old: stands in it exactly once.
        new: what stands there instead.
        by: the test that is known to notice it; it is tried first, alone.
        tests: the parts of the suite of which at least one test has to fail, should that one not.
    """

    name: str
    breaks: str
    path: str
    old: str
    new: str
    by: str
    tests: tuple[str, ...] = BOOK

    def apply(self, tree: Path) -> None:
        """Break a copy of the code.

        Raises:
            ValueError: the place is not there any more, or not once.
        """
        file = tree / self.path
        text = file.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.path} has {text.count(self.old)} of {self.old!r}")
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")
