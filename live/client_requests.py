"""What a viewer's client has asked and not been told yet. No I/O: the client sends, this remembers."""

import asyncio

from kit.errors import ShowdropError
from live import wire


class ClientClosedError(ShowdropError):
    """The client has ended: it was closed, or the server told it to stay away (``details["close_code"]``)."""

    default_code = "closed"


class ServerRefusedError(ShowdropError):
    """The server answered ``error``; ``said`` is that message."""

    default_code = "refused"

    def __init__(self, said: wire.Error) -> None:
        super().__init__(said.message, code=said.code)
        self.said = said


class _Request:
    """What was asked; the answer goes to everyone who waits for ``future``."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.future: asyncio.Future[wire.ServerMessage] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting any more when the client is closed.
        self.future.add_done_callback(lambda future: future.cancelled() or future.exception())


class Requests:
    """Open requests: claims by ``claim_id``, checkouts and releases by ``hold_id``."""

    def __init__(self) -> None:
        self._claims: dict[str, _Request] = {}
        self._holds: dict[str, _Request] = {}

    def open_claim(self, claim_id: str, message: bytes) -> "asyncio.Future[wire.ServerMessage]":
        """Remember a claim; the same id again waits for the same answer."""
        return self._open(self._claims, claim_id, message)

    def open_hold(self, hold_id: str, message: bytes) -> "asyncio.Future[wire.ServerMessage]":
        """Remember a checkout or release; a second one of the same hold waits for the same news."""
        return self._open(self._holds, hold_id, message)

    @staticmethod
    def _open(requests: dict[str, _Request], key: str, message: bytes) -> "asyncio.Future[wire.ServerMessage]":
        request = requests.get(key)
        if request is None:
            request = requests[key] = _Request(message)
        return request.future

    def unanswered(self) -> list[bytes]:
        """Return the messages to be sent again on a new connection."""
        return [request.message for request in (*self._claims.values(), *self._holds.values())]

    def settle(self, message: wire.ServerMessage) -> None:
        """Give a message to whoever waits for it, if anyone does."""
        if isinstance(message, wire.ClaimAccepted | wire.ClaimRefused):
            request = self._claims.pop(message.claim_id, None)
        elif isinstance(message, wire.BuyerEvents):
            request = self._holds.pop(message.hold_id, None)
        elif isinstance(message, wire.Error):
            # It names no request. Failing every open one is safe: a second try finds the same order.
            self._fail(self._holds, ServerRefusedError(message))
            return
        else:
            return
        if request is not None and not request.future.done():
            request.future.set_result(message)

    def fail_all(self, reason: ShowdropError) -> None:
        """No answer will come any more."""
        self._fail(self._claims, reason)
        self._fail(self._holds, reason)

    @staticmethod
    def _fail(requests: dict[str, _Request], reason: ShowdropError) -> None:
        for request in requests.values():
            if not request.future.done():
                request.future.set_exception(reason)
        requests.clear()
