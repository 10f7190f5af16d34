"""What reading a channel's answer may raise. Pure."""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""It is not of the form or no JSON at all, not UTF-8 (a ``ValueError``), or nested too deep."""
