"""What a viewer's client has asked and not been told yet. No I/O: the client sends, this remembers."""

import asyncio

from kit.errors import ShowdropError
from live import wire

Asked = wire.Claim | wire.Checkout | wire.Release
"""What a viewer asks for and gets an answer to."""


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

    def __init__(self, message: Asked) -> None:
        self.message = message
        self.future: asyncio.Future[wire.ServerMessage] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting any more when the client is closed.
        self.future.add_done_callback(lambda future: future.cancelled() or future.exception())


class Requests:
    """Open requests: claims by ``claim_id``, checkouts and releases by ``hold_id``."""

    def __init__(self) -> None:
        self._claims: dict[str, _Request] = {}
        self._holds: dict[str, _Request] = {}

    def open(self, message: Asked) -> "asyncio.Future[wire.ServerMessage]":
        """Remember a request. The same claim again waits for the same answer, one hold's requests for the same news."""
        if isinstance(message, wire.Claim):
            requests, key = self._claims, message.claim_id
        else:
            requests, key = self._holds, message.hold_id
        request = requests.get(key)
        if request is None:
            request = requests[key] = _Request(message)
        return request.future

    def unanswered(self) -> list[Asked]:
        """Return what has to be sent again on a new connection."""
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
