"""The HTTP server: uvicorn, told to leave signals alone, with limits on what a client may make it wait for or keep."""

import asyncio
import contextlib
import fcntl
import sys
import termios
from collections.abc import Iterator
from typing import Final

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from kit.errors import UnavailableError
from live.api.endpoint_http import error_response
from live.roles.limits import (
    HTTP_CONNECTIONS_MOST,
    HTTP_HEAD_BYTES,
    HTTP_HEAD_S,
    HTTP_KEEP_ALIVE_S,
    HTTP_STOP_MOST_S,
    HTTP_STOP_S,
    HTTP_UNREAD_ANSWER_S,
    HTTP_UNREAD_BODY_S,
)

ALIVE_PATH: Final = "/healthz"


class BoundedHttp(H11Protocol):
    """Cuts a client that does not finish the head of its next request, or does not read what it asked for.

    h11 bounds how long a head may be.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """The first head has to come soon."""
        super().connection_made(transport)
        self._await_head(HTTP_HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._forget_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """No more is written before the client has read some of it."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """It has."""
        self._forget_reader()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """The next head may take as long as a connection is kept alive, and the time for the head itself.

        Who still sends a body that nobody reads (too long, or none was asked for) is cut soon.
        """
        super().on_response_complete()
        still_sends = self.conn.their_state is h11.SEND_BODY
        self._await_head(HTTP_UNREAD_BODY_S if still_sends else HTTP_KEEP_ALIVE_S + HTTP_HEAD_S)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless the answer is on its way already; the application's own is not sent any more.

        uvicorn by itself sends both, and logs a trace for the second.
        """
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self._await_head(HTTP_HEAD_S)  # closing waits for who does not read; this does not

    def _await_head(self, seconds: float) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(seconds, self._cut_without_request)

    def _await_reader(self) -> None:
        self._forget_reader()
        self._reader_timer = self.loop.call_later(HTTP_UNREAD_ANSWER_S, self._cut_without_reader, self._unread())

    def _forget_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()

    def _unread(self) -> int:
        # Without what the kernel keeps, megabytes maybe, a slow reader would look like none for minutes.
        kept = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        return self.transport.get_write_buffer_size() + int.from_bytes(kept, sys.byteorder)

    def _cut_without_reader(self, unread: int) -> None:
        # Nothing is added while writing is paused.
        if self._unread() < unread:
            self._await_reader()
        else:
            self.transport.abort()

    def _cut_without_request(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if self.flow.write_paused:
            self._await_head(HTTP_HEAD_S)  # it still reads the answer
        elif cycle is None or cycle.response_complete or cycle.disconnected:
            self.transport.abort()


class Crowd:
    """Answers 503 while there are too many connections or requests, but for whoever asks whether the process lives.

    An orchestrator that hears 503 there has a process killed that is only busy, and with it what it does for others.

    Args:
        app: what it wraps.

    Attributes:
        state: what the server counts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.state = ServerState()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; only HTTP requests are counted."""
        there = max(len(self.state.connections), len(self.state.tasks))
        if there > HTTP_CONNECTIONS_MOST and scope["type"] == "http" and scope["path"] != ALIVE_PATH:
            error = UnavailableError("too many connections here; come back soon", code="overloaded")
            await error_response(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that starts the roles stops them, in order."""

    def __init__(self, app: Starlette) -> None:
        crowd = Crowd(app)
        super().__init__(
            uvicorn.Config(
                crowd,
                http=BoundedHttp,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whose word is believed say our own settings
                h11_max_incomplete_event_size=HTTP_HEAD_BYTES,
                timeout_graceful_shutdown=HTTP_STOP_S,
                timeout_keep_alive=HTTP_KEEP_ALIVE_S,
            )
        )
        crowd.state = self.server_state

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def end(self, serving: "asyncio.Task[None]") -> None:
        """Answer what is under way, within ``HTTP_STOP_S``, and close; ``serving`` runs ``serve``."""
        self.should_exit = True
        await asyncio.wait((serving,), timeout=HTTP_STOP_MOST_S)
        serving.cancel()
        await asyncio.wait((serving,))
        if self.started and (serving.cancelled() or serving.exception() is not None):
            # It died before it closed what it listens on and whom it serves.
            await self.shutdown()
