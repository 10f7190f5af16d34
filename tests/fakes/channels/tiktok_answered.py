"""How the fake TikTok Shop says no."""

from typing import Any


class Answered(Exception):  # noqa: N818 - an answer, not an error of the tests
    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def only(given: Any, names: set[str], optional: frozenset[str] = frozenset()) -> None:  # noqa: ANN401 - any JSON
    """Refuse a body that lacks a field, or has one that there is not."""
    if not isinstance(given, dict) or not names <= set(given) <= names | optional:
        raise Answered(36009004, f"the fields have to be {sorted(names)}", 400)
