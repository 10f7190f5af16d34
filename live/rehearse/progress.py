"""How a rehearsal tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Gets the phase, how much of it is done, and how much there is."""
