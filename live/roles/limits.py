"""What a client may make the HTTP server wait for, and how long the end of a role may take, step by step."""

from typing import Final

from live.api.limits import CHECK_TIMEOUT_S
from live.limits import DRAIN_SEND_S

BACKLOG: Final = 1024
"""Connections that may wait to be taken by a role over HTTP: while one loop turns, many may come at once."""

HTTP_HEAD_S: Final = 10.0
"""Seconds in which the head of a request has to be complete."""

HTTP_HEAD_BYTES: Final = 64 * 1024
"""Bytes of a request's head: sixteen times the largest token."""

HTTP_KEEP_ALIVE_S: Final = 30
"""Seconds that an idle connection is kept for the next request."""

HTTP_UNREAD_BODY_S: Final = 2.0
"""Seconds in which a client who was answered before its body was over may end it, and read the answer; then it is cut.
Else it could send for ever to nobody."""

HTTP_UNREAD_ANSWER_S: Final = 60.0
"""Seconds in which a client has to take some of an answer that waits for it; one who takes nothing is cut, however many
answers it asked for in one piece. Else its connection would be there for ever."""

HTTP_CONNECTIONS_MOST: Final = 5_000
"""Connections and requests at once; beyond it everything but ``/healthz`` is answered 503."""

HTTP_STOP_S: Final = 5
"""Seconds that HTTP requests under way get to be answered; then they are cancelled."""

HTTP_STOP_MOST_S: Final = HTTP_STOP_S + 2.0
"""Seconds after which the HTTP server itself is cancelled, should it not keep to its own limit."""

DRAIN_S: Final = 5.0
"""Seconds that viewers get to answer the goodbye; then they are cut."""

FINISH_S: Final = 5.0
"""Seconds that checkouts, and then bank requests, get to be committed; what is cut off is found by a retry."""

SCHEMA_LOOK_S: Final = 1.0
"""Seconds between two looks of a worker that waits for the database to be migrated."""

GARBAGE_THRESHOLDS: Final = (20_000, 20, 50)
"""New containers between two runs of the garbage collector, and runs of one generation between two of the next. What
serving makes is freed by counting; with Python's own 700 the collector took 6 to 8 % of a busy gateway."""

PROCESSES_MOST: Final = 64
"""Processes of one gateway: far more than the cores of the machines that it runs on."""

PROCESS_START_S: Final = 30.0
"""Seconds from the start of a gateway's process until it listens; usually below one."""

PROCESS_STOP_S: Final = DRAIN_SEND_S + DRAIN_S + 2 * FINISH_S + 5.0
"""Seconds that a gateway's process gets to end by itself, connections included; then it is killed."""

SERVERS_START_S: Final = 60.0
"""Seconds that who needs embedded servers waits for another process that is starting them; they usually take two."""

SERVERS_LOOK_S: Final = 0.1
"""Seconds between two looks at whether they are up."""

RESTART_FIRST_S: Final = 0.1
"""Seconds before a process that died is started again; twice as long each time that it dies soon."""

RESTART_MOST_S: Final = 5.0
"""Most seconds before a process is started again."""

RESTART_CALM_S: Final = 30.0
"""Seconds that a process has to run to count as healthy: when it dies after that, the wait begins anew."""
assert RESTART_CALM_S > RESTART_MOST_S

SIBLING_ANSWER_S: Final = CHECK_TIMEOUT_S + 0.5
"""Seconds that a gateway's process waits for another one, whose own checks may take ``CHECK_TIMEOUT_S``."""

HANG_ASK_EVERY_S: Final = 2.0
"""Seconds between two questions of the parent to a process that answers."""

HANG_ASKS_MOST: Final = 4
"""Questions in a row without an answer after which a process is killed: some ten seconds, in which a process under full
load has answered many times over. Its viewers come back to the others."""

FAKES_START_S: Final = 20.0
"""Seconds for the fake channels to listen; usually below one."""

FAKES_STOP_S: Final = 5.0
"""Seconds for the fake channels to end after SIGTERM; then they are killed."""
