"""What a client may make the HTTP server wait for, and how long the end of a role may take, step by step."""

from typing import Final

HTTP_HEAD_S: Final = 10.0
"""Seconds in which the head of a request has to be complete."""

HTTP_HEAD_BYTES: Final = 64 * 1024
"""Bytes of a request's head: sixteen times the largest token."""

HTTP_KEEP_ALIVE_S: Final = 30
"""Seconds that an idle connection is kept for the next request."""

HTTP_CONNECTIONS_MOST: Final = 5_000
"""Connections and requests at once; one more is answered 503."""

HTTP_STOP_S: Final = 5
"""Seconds that HTTP requests under way get to be answered; then they are cancelled."""

HTTP_STOP_MOST_S: Final = HTTP_STOP_S + 2.0
"""Seconds after which the HTTP server itself is cancelled, should it not keep to its own limit."""

DRAIN_S: Final = 5.0
"""Seconds that viewers get to answer the goodbye; then they are cut."""

FINISH_S: Final = 5.0
"""Seconds that checkouts, and then bank requests, get to be committed; what is cut off is found by a retry."""
