"""Pages of lists. Pure."""

from inventory.channels.limits import MAX_PAGE
from kit.errors import InvalidError


def require_page(limit: int) -> None:
    """Refuse a page of no rows, or of too many.

    Raises:
        InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidError(f"limit must be 1 to {MAX_PAGE}", field="limit")
