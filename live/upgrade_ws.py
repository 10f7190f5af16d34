"""The HTTP request with which a connection begins: it becomes a WebSocket, or is answered and closed.

Sans-I/O, around the ``websockets`` library's handshake. The handshake's objects keep the whole request (three kilobytes
a viewer), so they end with it: what follows the request is read by a fresh protocol object.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol, cast

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import Protocol as FrameProtocol
from websockets.protocol import Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from kit.settings import Network
from live.frames import Variant
from live.handshake import choose_subprotocol, client_address, origin_allowed, show_of
from live.limits import HEAD_MAX_BYTES, MESSAGE_MAX_BYTES
from live.wire import MSGPACK_SUBPROTOCOL

_HEAD_END: Final = b"\r\n\r\n"
_SHARED_WINDOW_BITS: Final = 15
"""The window that shared frames are compressed with; a viewer who asked for a smaller one is sent plain frames."""

_deflate: Final = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
"""Neither side keeps a window between messages: no compressor per viewer, and one compressed frame fits them all."""


class Entrance(Protocol):
    """Who is let in.

    Attributes:
        origins: browser origins that may connect.
        proxies: networks whose ``X-Forwarded-For`` is believed.
        deflate: whether permessage-deflate is agreed to.
    """

    origins: frozenset[str]
    proxies: tuple[Network, ...]
    deflate: bool

    def turned_away(self, address: str) -> int | None:
        """Return after how many seconds another viewer of this address should come back, or None to let it in."""
        ...


class Accepted(NamedTuple):
    """A request that became a WebSocket.

    Attributes:
        response: bytes to send.
        show_id: the show that it is for.
        address: where the viewer comes from.
        protocol: reads the frames.
        variant: what the viewer negotiated.
        early: bytes that came behind the request.
    """

    response: bytes
    show_id: str
    address: str
    protocol: FrameProtocol
    variant: Variant
    early: bytes


class Refused(NamedTuple):
    """What is left to send before the connection closes; nothing to what is no HTTP at all."""

    answer: bytes


class PlainRequest(NamedTuple):
    """A request that does not want to be a WebSocket."""

    path: str


class _Handshake(ServerProtocol):
    """The library's handshake with our choice of subprotocol.

    Handing it a function would do as well, but it binds that to itself: a circle that only the garbage collector finds,
    late, with some kilobytes for every viewer who came.
    """

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        return cast(Subprotocol | None, choose_subprotocol(subprotocols))


def take_apart(protocol: FrameProtocol) -> None:
    """End a protocol object of the library that nobody uses any more.

    Its parser is a generator that holds it, and what ended the parser has a traceback that does. Nothing that is closed
    frees these circles but the garbage collector, which comes by a gateway once in an hour.
    """
    protocol.parser.close()
    protocol.parser_exc = protocol.handshake_exc = None


class Upgrade:
    """Reads one request.

    Args:
        entrance: who is let in.
        peer: address of the other end.
    """

    __slots__ = ("_entrance", "_head", "_peer", "_protocol")

    def __init__(self, entrance: Entrance, peer: str) -> None:
        self._entrance = entrance
        self._peer = peer
        self._protocol = _Handshake(extensions=[_deflate] if entrance.deflate else None, subprotocols=[])
        self._head = bytearray()

    def receive(self, data: bytes) -> Accepted | Refused | PlainRequest | None:
        """Take bytes and return what became of the request, or None: more have to come."""
        outcome = self._read(data)
        if outcome is not None:
            self.end()
        return outcome

    def end(self) -> None:
        """Leave nothing behind, also of a request that was never read whole."""
        take_apart(self._protocol)

    def _read(self, data: bytes) -> Accepted | Refused | PlainRequest | None:
        self._head += data
        most = HEAD_MAX_BYTES + len(_HEAD_END)
        end = self._head.find(_HEAD_END, 0, most)
        if end < 0:
            if len(self._head) < most:
                return None
            return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too long\n")
        end += len(_HEAD_END)
        self._protocol.receive_data(bytes(self._head[:end]))
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                return self._decide(event, bytes(self._head[end:]))
        return Refused(b"".join(self._protocol.data_to_send()))

    def _decide(self, request: Request, early: bytes) -> Accepted | Refused | PlainRequest:
        show_id = show_of(request.path)
        if show_id is None:
            return PlainRequest(request.path.partition("?")[0])
        origins = request.headers.get_all("Origin")
        if len(origins) > 1:
            return refusal(HTTPStatus.BAD_REQUEST, "more than one Origin\n")
        if not origin_allowed(origins[0] if origins else None, self._entrance.origins):
            return refusal(HTTPStatus.FORBIDDEN, "this origin is not in SHOWDROP_ORIGINS\n")
        forwarded = request.headers.get_all("X-Forwarded-For")
        address = client_address(self._peer, forwarded, self._entrance.proxies)
        retry_after_s = self._entrance.turned_away(address)
        if retry_after_s is not None:
            text = "too many viewers here; come back soon\n"
            return Refused(
                http_answer(HTTPStatus.SERVICE_UNAVAILABLE, text.encode(), ("Retry-After", str(retry_after_s)))
            )
        return self._accept(request, show_id, address, early)

    def _accept(self, request: Request, show_id: str, address: str, early: bytes) -> Accepted | Refused:
        handshake = self._protocol
        handshake.send_response(handshake.accept(request))
        response = b"".join(handshake.data_to_send())
        if handshake.state is not State.OPEN:
            return Refused(response)
        protocol = FrameProtocol(Side.SERVER, max_size=MESSAGE_MAX_BYTES)
        protocol.extensions = handshake.extensions
        deflated = any(
            isinstance(one, PerMessageDeflate) and one.local_max_window_bits >= _SHARED_WINDOW_BITS
            for one in handshake.extensions
        )
        variant = Variant(handshake.subprotocol == MSGPACK_SUBPROTOCOL, deflated)
        return Accepted(response, show_id, address, protocol, variant, early)


def refusal(status: HTTPStatus, text: str) -> Refused:
    """Return a refusal in plain text."""
    return Refused(http_answer(status, text.encode(), ("Content-Type", "text/plain; charset=utf-8")))


def http_answer(status: int, body: bytes, *fields: tuple[str, str]) -> bytes:
    """Return a whole HTTP answer, behind which the connection closes."""
    headers = Headers([*fields, ("Content-Length", str(len(body))), ("Connection", "close")])
    return Response(int(status), HTTPStatus(status).phrase, headers, body).serialize()
