"""How long the end of a role may take, step by step; every step ends within its limit."""

from typing import Final

HTTP_STOP_S: Final = 5
"""Seconds that HTTP requests under way get to be answered; then they are cancelled."""

HTTP_STOP_MOST_S: Final = HTTP_STOP_S + 2.0
"""Seconds after which the HTTP server itself is cancelled, should it not keep to its own limit."""

DRAIN_S: Final = 5.0
"""Seconds that viewers get to answer the goodbye; then they are cut."""

FINISH_S: Final = 5.0
"""Seconds that checkouts, and then bank requests, get to be committed; what is cut off is found by a retry."""
