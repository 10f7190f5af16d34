"""What a viewer's client has asked and not been told yet. No I/O: the client sends, this remembers."""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from kit.errors import ShowdropError
from live import wire

Asked = wire.Claim | wire.Checkout | wire.Release | wire.Extend | wire.WaitlistJoin | wire.WaitlistLeave
"""What a viewer asks for and gets an answer to."""

_Change = wire.Extend | wire.Release
_OnList = wire.WaitlistJoin | wire.WaitlistLeave
_Key = TypeVar("_Key", str, _Change, _OnList)


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
    """Open requests: claims by ``claim_id``, checkouts and releases by ``hold_id``, the others by what is asked.

    Also the waiting lists that the viewer means to be on: they are joined again on every new connection.
    """

    def __init__(self) -> None:
        self._claims: dict[str, _Request] = {}
        self._holds: dict[str, _Request] = {}
        self._changes: dict[_Change, _Request] = {}
        self._lists: dict[_OnList, _Request] = {}
        self._waiting: dict[str, bool] = {}  # by offer, in the order of their joins: whether the server has said yes
        self._promoted: set[str] = set()  # holds that are known to come from a waiting list

    def open(self, message: Asked) -> "asyncio.Future[wire.ServerMessage]":
        """Remember a request. The same claim again waits for the same answer, one hold's requests for the same news."""
        match message:
            case wire.Claim(claim_id=claim_id):
                return _opened(self._claims, claim_id, message)
            case wire.Extend():
                return _opened(self._changes, message, message)
            case wire.Release() if message.keep:
                return _opened(self._changes, message, message)
            case wire.Checkout(hold_id=hold_id) | wire.Release(hold_id=hold_id):
                return _opened(self._holds, hold_id, message)
            case wire.WaitlistJoin(offer_id=offer_id):
                self._waiting.setdefault(offer_id, False)
            case wire.WaitlistLeave(offer_id=offer_id):
                self._waiting.pop(offer_id, None)
        return _opened(self._lists, message, message)

    def unanswered(self) -> list[Asked]:
        """Return what has to be sent again on a new connection."""
        requests = (*self._claims.values(), *self._holds.values(), *self._changes.values(), *self._lists.values())
        joins = [wire.WaitlistJoin(offer_id=offer_id) for offer_id in self._waiting]
        return [*(request.message for request in requests), *(one for one in joins if one not in self._lists)]

    def welcomed(self, welcome: wire.Welcome) -> None:
        """Look for units that came from a waiting list meanwhile: to join it again would be to ask for another."""
        for hold in welcome.holds:
            # One that is being paid may have lost its claim's id with its book, and says nothing about a line.
            is_promoted = hold.state == "held" and f"hold_{hold.claim_id}" == hold.hold_id
            if is_promoted and hold.hold_id not in self._promoted:
                join = wire.WaitlistJoin(offer_id=hold.offer_id)
                _answer(self._lists, [join], wire.WaitlistJoined(offer_id=hold.offer_id, place=0))
                self._promote(hold.hold_id, hold.offer_id)

    def settle(self, message: wire.ServerMessage) -> Asked | None:
        """Give a message to whoever waits for it, if anyone does; returns what has to be sent now."""
        match message:
            case wire.ClaimAccepted() | wire.ClaimRefused() | wire.ClaimEntered():
                _answer(self._claims, [message.claim_id], message)
            case wire.WaitlistJoined(offer_id=offer_id):
                if offer_id in self._waiting:
                    self._waiting[offer_id] = True
                _answer(self._lists, [wire.WaitlistJoin(offer_id=offer_id)], message)
            case wire.WaitlistLeft(offer_id=offer_id):
                _answer(self._lists, [wire.WaitlistLeave(offer_id=offer_id)], message)
            case wire.WaitlistRefused():
                self._refused(message)
            case wire.HoldPromoted(hold_id=hold_id, offer_id=offer_id):
                return self._promote(hold_id, offer_id)
            case wire.HoldChanged():
                _answer(self._changes, [one for one in self._changes if _is_done(one, message)], message)
            case wire.Error():
                # It names no request. Failing every open one is safe: a second try finds the same order.
                _fail(self._holds, ServerRefusedError(message))
                _fail(self._changes, ServerRefusedError(message))
            case _ if isinstance(message, wire.BuyerEvents):
                _answer(self._holds, [message.hold_id], message)
                _answer(self._changes, [one for one in self._changes if one.hold_id == message.hold_id], message)
            case _:
                pass
        return None

    def fail_all(self, reason: ShowdropError) -> None:
        """No answer will come any more."""
        _fail(self._claims, reason)
        _fail(self._holds, reason)
        _fail(self._changes, reason)
        _fail(self._lists, reason)

    def _promote(self, hold_id: str, offer_id: str) -> Asked | None:
        self._promoted.add(hold_id)
        if self._waiting.pop(offer_id, None) is None:
            return None
        # A join of ours that crossed the news has put the buyer on the list once more, for a second unit.
        leave = wire.WaitlistLeave(offer_id=offer_id)
        self._lists.setdefault(leave, _Request(leave))
        return leave

    def _refused(self, message: wire.WaitlistRefused) -> None:
        """It answers what was asked first about this offer; who waits already goes on, unless it is for good."""
        asked = next((one for one in self._lists if one.offer_id == message.offer_id), None)
        if not message.temporary or not self._waiting.get(message.offer_id):
            self._waiting.pop(message.offer_id, None)
        if asked is not None:
            _answer(self._lists, [asked], message)


def _is_done(asked: _Change, hold: wire.HoldChanged) -> bool:
    """Tell whether a hold is as it was asked to become."""
    if asked.hold_id != hold.hold_id:
        return False
    return hold.extensions >= asked.extension if isinstance(asked, wire.Extend) else hold.quantity <= asked.keep


def _opened(requests: dict[_Key, _Request], key: _Key, message: Asked) -> "asyncio.Future[wire.ServerMessage]":
    request = requests.get(key)
    if request is None:
        request = requests[key] = _Request(message)
    return request.future


def _answer(requests: dict[_Key, _Request], keys: Iterable[_Key], message: wire.ServerMessage) -> None:
    for key in keys:
        request = requests.pop(key, None)
        if request is not None and not request.future.done():
            request.future.set_result(message)


def _fail(requests: dict[_Key, _Request], reason: ShowdropError) -> None:
    for request in requests.values():
        if not request.future.done():
            request.future.set_exception(reason)
    requests.clear()
