"""What fuzzing sends to a gateway: frames, messages and requests, right and wrong."""

import struct
import zlib

import msgspec
from hypothesis import strategies as st

from kit.ids import new_ulid
from live.limits import MESSAGE_MAX_BYTES
from tests.integration.live.gateway.crowd import BINARY, CLOSE, CONT, PING, PONG, RSV1, TEXT, client_frame

SHOW_ID = f"show_{new_ulid()}"


def deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


# --- frames ------------------------------------------------------------------------------------------------

masks = st.sampled_from([bytes(4), b"mask"])
small = st.binary(max_size=130)
large = st.builds(
    lambda size, byte: bytes([byte]) * size, st.integers(MESSAGE_MAX_BYTES - 2, 20_000), st.integers(0, 255)
)
payloads = st.one_of(small, small, large, st.integers(0, 1 << 16).map(lambda size: deflated(bytes(size))))
closes = st.one_of(small, st.builds(lambda code, why: struct.pack("!H", code) + why, st.integers(0, 5000), small))
wild = st.builds(
    client_frame,
    st.integers(0, 15),
    payloads,
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, RSV1, 0x20, 0x10]),
    mask=st.one_of(masks, st.none()),
)
controls = st.one_of(
    st.builds(client_frame, st.sampled_from([PING, PONG]), st.binary(max_size=125), mask=masks),
    st.builds(client_frame, st.just(CLOSE), closes, mask=masks),
)


@st.composite
def message(draw: st.DrawFn) -> bytes:
    """A message in fragments with control frames between them, compressed or not; most of them are right."""
    whole, mask = draw(payloads), draw(masks)
    rsv = draw(st.sampled_from([0, RSV1]))
    whole = deflated(whole) if rsv and draw(st.booleans()) else whole
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    parts = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    sent = b""
    for n, part in enumerate(parts):
        opcode = CONT if n else draw(st.sampled_from([TEXT, BINARY]))
        sent += client_frame(opcode, part, fin=n == len(parts) - 1, rsv=0 if n else rsv, mask=mask)
        if draw(st.integers(0, 3)) == 0:
            sent += client_frame(PING, draw(small)[:125], mask=mask)
    return sent


traffic = st.lists(st.one_of(message(), message(), controls, wild, small), max_size=6).map(b"".join)
sizes = st.lists(st.one_of(st.integers(1, 20), st.integers(1, 20_000)), max_size=8)


def pieces(data: bytes, lengths: list[int]) -> list[bytes]:
    cut, at = [], 0
    for length in lengths:
        cut.append(data[at : at + length])
        at += length
    return [one for one in [*cut, data[at:]] if one]


# --- messages ---------------------------------------------------------------------------------------------------------

HELLO = client_frame(TEXT, b'{"type":"hello"}')
words = st.one_of(
    st.sampled_from(["", "\0", "\x7f", "é" * 50, "a" * 500, "__class__", "' OR 1=1", "hold_0", new_ulid(), "\u2028"]),
    st.text(max_size=20),
)
numbers = st.one_of(st.integers(-2, 60), st.sampled_from([2**31, 2**63, 2**64, -(2**63), 10**400]))
fields: dict[str, st.SearchStrategy[object]] = {
    "claim_id": words,
    "offer_id": words,
    "hold_id": words,
    "payment_method": words,
    "kind": words,
    "token": st.one_of(words, st.none(), st.just("eyJhbGciOiJub25lIn0.e30.")),
    "quantity": numbers,
    "keep": numbers,
    "extension": numbers,
    "count": numbers,
    "resume": st.fixed_dictionaries({"epoch": words, "seq": numbers}),
    "x": st.recursive(words, st.lists, max_leaves=5),
}
shapes = {
    "hello": ["token", "resume"],
    "claim": ["claim_id", "offer_id", "quantity"],
    "checkout": ["hold_id", "payment_method"],
    "release": ["hold_id", "keep"],
    "extend": ["hold_id", "extension"],
    "waitlist.join": ["offer_id"],
    "waitlist.leave": ["offer_id"],
    "react": ["kind", "count"],
    "ping": [],
    "welcome": [],
}


@st.composite
def spoken(draw: st.DrawFn, *, binary: bool) -> bytes:
    """A message of the protocol with odd values, now and then with a field too many or too few."""
    kind = draw(st.sampled_from(sorted(shapes)))
    names = draw(st.sampled_from([shapes[kind]] * 6 + [shapes[kind][1:], [*shapes[kind], "x"]]))
    said = {"type": kind} | {name: draw(fields[name]) for name in names}
    if binary:
        return client_frame(BINARY, msgspec.msgpack.encode(_bounded(said)))
    return client_frame(TEXT, msgspec.json.encode(_raw(said)))


def _raw(said: object) -> object:
    """Write numbers past 64 bits as the JSON that they are."""
    if isinstance(said, dict):
        return {name: _raw(value) for name, value in said.items()}
    return msgspec.Raw(str(said).encode()) if isinstance(said, int) else said


def _bounded(said: object) -> object:
    """Keep numbers within the 64 bits that MessagePack has."""
    if isinstance(said, dict):
        return {name: _bounded(value) for name, value in said.items()}
    return min(said, 2**64 - 1) if isinstance(said, int) else said


@st.composite
def conversation(draw: st.DrawFn) -> tuple[bool, str, list[bytes]]:
    """Whether it is in MessagePack, who says hello first (or ``nobody``), and the frames behind it."""
    binary = draw(st.booleans())
    words = spoken(binary=binary)
    said = draw(st.lists(st.one_of(words, words, words, message(), wild, controls), max_size=12))
    return binary, draw(st.sampled_from(["guest", "ana", "nobody"])), said


DEEP = b'{"x":' + b"[" * 4000
"""The decoder reads past it in search of the type."""

DEEP_BINARY = b"\x82\xa1x" + b"\x91" * 8000


# --- requests ---------------------------------------------------------------------------------------------------------

HEADERS = [
    "Host: gateway.test",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: showdrop.json",
    "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9",
    "Origin: http://127.0.0.1",
    "X-Forwarded-For: 1.2.3.4, ::1, nonsense",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "X:",
    "broken",
    " folded",
    "Origin: \xff",
]
paths = st.sampled_from([f"/v1/shows/{SHOW_ID}/live", f"/v1/shows/{SHOW_ID}/live?x=1", "/healthz", "/", "*", "x\xe9"])
requests = st.builds(
    lambda method, path, version, headers: "\r\n".join([f"{method} {path} {version}", *headers, "", ""]).encode(
        "latin-1"
    ),
    st.sampled_from(["GET", "GET", "GET", "POST", "get", ""]),
    paths,
    st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", ""]),
    st.builds(
        lambda start, more: [*HEADERS[:start], *more], st.integers(0, 8), st.lists(st.sampled_from(HEADERS), max_size=4)
    ),
)
