"""The request with which a connection begins, without a network: bytes in, an outcome out."""

import gc
import re
from email.message import Message
from email.parser import Parser
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame as WsFrame
from websockets.protocol import OPEN, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from kit.ids import new_id
from kit.settings import Network
from live.frames import JSON, MSGPACK, Variant, frame_of
from live.limits import HEAD_MAX_BYTES, MESSAGE_MAX_BYTES
from live.upgrade_ws import Accepted, PlainRequest, Refused, Upgrade, http_answer

SHOW_ID = new_id("show")
PEER = "203.0.113.9"
HEAD = (
    f"GET /v1/shows/{SHOW_ID}/live HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
HELLO = bytes.fromhex("818212345678") + bytes([0x12 ^ ord("h"), 0x34 ^ ord("i")])


class AnEntrance:
    """Lets everyone in, or nobody."""

    def __init__(self, *, deflate: bool = False, retry_after_s: int | None = None) -> None:
        self.origins = frozenset({"https://shop.example"})
        self.proxies: tuple[Network, ...] = (ip_network("10.0.0.0/8"),)
        self.deflate = deflate
        self.asked = 0
        self.address: str | None = None
        self._retry_after_s = retry_after_s

    def turned_away(self, address: str) -> int | None:
        self.asked += 1
        self.address = address
        return self._retry_after_s


def upgraded(*fields: str, entrance: AnEntrance | None = None, peer: str = PEER, behind: bytes = b"") -> Accepted:
    outcome = Upgrade(entrance or AnEntrance(), peer).receive(request(*fields) + behind)
    assert isinstance(outcome, Accepted)
    return outcome


def refused(head: bytes, entrance: AnEntrance | None = None) -> tuple[int, Message, str]:
    """Return status, fields and body of the answer."""
    outcome = Upgrade(entrance or AnEntrance(), PEER).receive(head)
    assert isinstance(outcome, Refused)
    top, _, body = outcome.answer.decode().partition("\r\n\r\n")
    status, _, fields = top.partition("\r\n")
    headers = Parser().parsestr(fields)
    assert headers["Connection"] == "close"
    assert headers["Content-Length"] == str(len(body))
    return int(status.split()[1]), headers, body


def request(*fields: str) -> bytes:
    return "".join([HEAD, *(f"{field}\r\n" for field in fields), "\r\n"]).encode("latin-1")


@given(
    cuts=st.lists(st.integers(0, len(request()) + len(HELLO)), max_size=8),
    one_by_one=st.booleans(),
    early=st.sampled_from([b"", HELLO[:1], HELLO, HELLO * 3, b"\r\n\r\n" + HELLO]),
)
def test_the_request_may_come_in_any_pieces(cuts: list[int], one_by_one: bool, early: bytes) -> None:
    whole = request("X-Forwarded-For: 198.51.100.1") + early
    at = range(len(whole)) if one_by_one else sorted(cut for cut in cuts if cut < len(whole))
    upgrade, outcome, taken = Upgrade(AnEntrance(), "10.0.0.1"), None, 0
    for start, end in zip([0, *at], [*at, len(whole)], strict=True):
        outcome, taken = upgrade.receive(whole[start:end]), end
        if outcome is not None:
            break
    assert isinstance(outcome, Accepted)
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in outcome.response
    assert (outcome.show_id, outcome.address, outcome.variant) == (SHOW_ID, "198.51.100.1", JSON)
    assert outcome.early + whole[taken:] == early
    assert outcome.protocol.state is State.OPEN


def test_frames_right_behind_the_request_are_read_by_the_new_protocol() -> None:
    accepted = upgraded(behind=HELLO * 2)
    accepted.protocol.receive_data(accepted.early)
    frames = [one for one in accepted.protocol.events_received() if isinstance(one, WsFrame)]
    assert [bytes(one.data) for one in frames] == [b"hi", b"hi"]
    too_long = bytes.fromhex("82fe") + (MESSAGE_MAX_BYTES + 1).to_bytes(2) + bytes(4)
    accepted.protocol.receive_data(too_long)
    assert accepted.protocol.close_sent is not None
    assert accepted.protocol.close_sent.code == 1009


def padded(length: int) -> bytes:
    """Return a request whose head, without the empty line at its end, is so long."""
    fields = ["X-Padding: " + "x" * 1_000] * (length // 1_013 - 1)
    rest = length - len(request(*fields, "X-Rest: ")) + len("\r\n\r\n")
    return request(*fields, "X-Rest: " + "x" * rest)


def test_the_longest_head_is_taken_whole_or_in_pieces() -> None:
    longest = padded(HEAD_MAX_BYTES)
    assert longest.index(b"\r\n\r\n") == HEAD_MAX_BYTES
    assert isinstance(Upgrade(AnEntrance(), PEER).receive(longest), Accepted)
    for cut in (1, HEAD_MAX_BYTES, HEAD_MAX_BYTES + 1, HEAD_MAX_BYTES + 3):
        upgrade = Upgrade(AnEntrance(), PEER)
        assert upgrade.receive(longest[:cut]) is None
        assert isinstance(upgrade.receive(longest[cut:]), Accepted)


@pytest.mark.parametrize(
    "head",
    [padded(HEAD_MAX_BYTES + 1), b"x" * (HEAD_MAX_BYTES + 5), b"\x00" * 1_000_000],
    ids=["complete", "without an end", "very long"],
)
def test_a_head_that_is_too_long_is_told_so(head: bytes) -> None:
    assert refused(head)[0] == 431


@pytest.mark.parametrize("fields", [["Cookie: " + "x" * 9_000], ["X: 1"] * 200])
def test_a_field_too_long_or_too_many_of_them_is_told_so(fields: list[str]) -> None:
    assert refused(request(*fields))[0] == 431


def test_who_sends_much_behind_a_request_is_not_refused_for_it() -> None:
    early = HELLO * HEAD_MAX_BYTES
    assert upgraded(behind=early).early == early


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("GET ", "POST ", 405),
        ("HTTP/1.1", "HTTP/1.0", 505),
        ("Upgrade: websocket\r\n", "", 426),
        ("Connection: Upgrade\r\n", "", 426),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 400),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 13\r\n", 400),
        ("Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Protocol: ,;\r\n", 400),
        ("Version: 13\r\n", "Version: 13\r\nOrigin: https://shop.example\r\nOrigin: https://shop.example\r\n", 400),
    ],
)
def test_a_bad_handshake_gets_an_answer(old: str, new: str, status: int) -> None:
    assert old in HEAD
    assert refused((HEAD.replace(old, new) + "\r\n").encode())[0] == status


@pytest.mark.parametrize("data", [b"\x16\x03\x01\r\n\r\n", b"GET\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"\r\n\r\n"])
def test_what_is_no_http_is_told_nothing(data: bytes) -> None:
    assert Upgrade(AnEntrance(), PEER).receive(data) == Refused(b"")


@given(st.binary(max_size=300))
def test_garbage_always_ends_in_an_outcome(data: bytes) -> None:
    for head in (data + b"\r\n\r\n", request()[:40] + data + b"\r\n\r\n"):
        assert Upgrade(AnEntrance(), PEER).receive(head) is not None


def test_any_other_path_is_a_plain_request() -> None:
    entrance = AnEntrance(retry_after_s=1)
    for path in ("/healthz", "/", f"/v1/shows/{SHOW_ID}"):
        outcome = Upgrade(entrance, PEER).receive(f"GET {path}?x=1 HTTP/1.1\r\nHost: gateway.test\r\n\r\n".encode())
        assert outcome == PlainRequest(path)
    assert entrance.asked == 0


def test_a_page_of_another_origin_is_refused_and_ours_is_not() -> None:
    entrance = AnEntrance()
    status, _, text = refused(request("Origin: https://evil.example"), entrance)
    assert (status, "SHOWDROP_ORIGINS" in text) == (403, True)
    assert entrance.asked == 0, "who may not come in anyway takes nobody's place"
    upgraded("Origin: https://shop.example")


def test_who_is_turned_away_is_told_when_to_come_back() -> None:
    status, headers, _ = refused(request(), AnEntrance(retry_after_s=4))
    assert (status, headers["Retry-After"]) == (503, "4")


@pytest.mark.parametrize(
    ("offered", "chosen", "variant"),
    [
        (None, None, JSON),
        ("graphql", None, JSON),
        ("showdrop.json", "showdrop.json", JSON),
        ("graphql, showdrop.msgpack, showdrop.json", "showdrop.msgpack", MSGPACK),
    ],
)
def test_the_subprotocol_decides_the_encoding(offered: str | None, chosen: str | None, variant: Variant) -> None:
    accepted = upgraded(*([] if offered is None else [f"Sec-WebSocket-Protocol: {offered}"]))
    said = re.findall(r"Sec-WebSocket-Protocol: (.*)\r\n", accepted.response.decode())
    assert (said, accepted.variant) == ([] if chosen is None else [chosen], variant)


def test_the_forwarded_address_counts_behind_a_proxy_only() -> None:
    fields = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 198.51.100.1, 10.0.0.2")
    for peer, address in (("10.0.0.1", "198.51.100.1"), (PEER, PEER)):
        entrance = AnEntrance()
        assert upgraded(*fields, peer=peer, entrance=entrance).address == address
        assert entrance.address == address, "the entrance decides by the same"


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


@pytest.mark.parametrize(
    ("deflate", "field", "deflated"),
    [
        (False, DEFLATE, False),
        (True, "X: 1", False),
        (True, DEFLATE, True),
        (True, f"{DEFLATE}; client_max_window_bits", True),
        (True, f"{DEFLATE}; server_max_window_bits=15", True),
        (True, f"{DEFLATE}; server_max_window_bits=10", False),
        (True, f"{DEFLATE}; server_max_window_bits=8", False),
        (True, f"{DEFLATE}; server_max_window_bits=8, permessage-deflate", True),
        (True, "Sec-WebSocket-Extensions: x-webkit-deflate-frame", False),
    ],
)
def test_compressed_frames_go_to_who_can_read_them(deflate: bool, field: str, deflated: bool) -> None:
    accepted = upgraded(field, entrance=AnEntrance(deflate=deflate))
    assert accepted.variant == Variant(deflated=deflated)
    if deflated:
        assert b"permessage-deflate; server_no_context_takeover; client_no_context_takeover" in accepted.response


@pytest.mark.parametrize("bits", [None, 10, 15])
@pytest.mark.parametrize("deflate", [False, True])
def test_another_library_agrees_and_both_sides_read_each_other(deflate: bool, bits: int | None) -> None:
    client = ClientProtocol(
        parse_uri(f"ws://gateway.test/v1/shows/{SHOW_ID}/live"),
        extensions=[ClientPerMessageDeflateFactory(server_max_window_bits=bits)],
        subprotocols=[Subprotocol("showdrop.msgpack")],
    )
    client.send_request(client.connect())
    accepted = Upgrade(AnEntrance(deflate=deflate), PEER).receive(b"".join(client.data_to_send()))
    assert isinstance(accepted, Accepted)
    client.receive_data(accepted.response)
    assert client.handshake_exc is None
    assert client.state is OPEN
    payload = b"the same again " * 100
    for _ in range(2):
        client.receive_data(frame_of(payload, accepted.variant))
        client.send_binary(payload)
    accepted.protocol.receive_data(b"".join(client.data_to_send()))
    for end in (client, accepted.protocol):
        assert [bytes(one.data) for one in end.events_received() if isinstance(one, WsFrame)] == [payload] * 2
    assert accepted.variant == Variant(binary=True, deflated=deflate and bits != 10)


def test_an_answer_is_whole() -> None:
    answer = http_answer(200, b"ok", ("Content-Type", "text/plain"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\nok")


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    "behind", [b"Sec-WebSocket-Protocol: showdrop.v1.msgpack\r\n\r\n", b"\r\n", b"X: " + bytes(9_000)]
)
def test_a_request_leaves_nothing_for_the_garbage_collector(deflate: bool, behind: bytes) -> None:
    fields = b"Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: https://shop.example\r\n"
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            upgrade = Upgrade(AnEntrance(deflate=deflate), PEER)
            if upgrade.receive(HEAD.encode() + fields + behind) is None:
                upgrade.end()  # as its connection does that ends before the request is whole
            del upgrade
        assert not [one for one in gc.get_objects() if isinstance(one, ServerProtocol)]
    finally:
        gc.enable()
