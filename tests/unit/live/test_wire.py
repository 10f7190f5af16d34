import contextlib
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import wire
from tests.unit.live.live_strategies import events

CLIENT_MESSAGES: list[wire.ClientMessages] = [
    wire.Hello(),
    wire.Hello(token="t", resume=wire.Position("e", 3)),
    wire.Claim(claim_id="c", offer_id="o", quantity=1),
    wire.Checkout(hold_id="h", payment_method="pm"),
    wire.Release(hold_id="h"),
    wire.Release(hold_id="h", keep=2),
    wire.Extend(hold_id="h"),
    wire.Extend(hold_id="h", extension=2),
    wire.WaitlistJoin(offer_id="o"),
    wire.WaitlistLeave(offer_id="o"),
    wire.React(kind="heart", count=1),
    wire.Ping(),
]


@pytest.mark.parametrize("message", CLIENT_MESSAGES)
def test_what_a_client_says_is_understood_in_both_encodings(message: wire.ClientMessages) -> None:
    assert wire.client_decoder(binary=False)(wire.encode_json(message)) == message
    assert wire.client_decoder(binary=True)(wire.encode_msgpack(message)) == message


def test_every_client_message_is_covered_here() -> None:
    assert {type(one) for one in CLIENT_MESSAGES} == set(get_args(wire.ClientMessages))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"type":"nothing"}',
        '{"type":"ping","extra":1}',
        '{"type":"claim","claim_id":"c","offer_id":"o"}',
        '{"type":"claim","claim_id":"c","offer_id":"o","quantity":1.5}',
        '{"type":"claim","claim_id":"c","offer_id":"o","quantity":"3"}',
        '{"type":"claim","claim_id":null,"offer_id":"o","quantity":3}',
        '{"type":"hello","resume":{"epoch":"e","seq":1,"x":2}}',
        '{"type":"hello","resume":{"epoch":"e"}}',
        '{"type":"welcome"}',
        '{"type":"release","hold_id":"h","keep":null}',
        '{"type":"extend","extension":1}',
        '{"type":"waitlist.join"}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.client_decoder(binary=False)(text.encode())


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_at_all_end_in_another_error(data: bytes, binary: bool) -> None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        wire.client_decoder(binary=binary)(data)


@given(events)
def test_log_events_come_out_as_they_went_in(event: wire.LogEvents) -> None:
    assert wire.decode_log_event(wire.encode_json(event)) == event
    assert wire.decode_server(wire.encode_json(event)) == event


def test_types_and_names_are_those_of_the_contract() -> None:
    snapshotless = wire.Welcome(
        session_id="s", epoch="e", seq=1, server_time_ms=2, heartbeat_ms=3, recovered=True, holds=[]
    )
    assert wire.encode_json(snapshotless) == (
        b'{"type":"welcome","session_id":"s","epoch":"e","seq":1,"server_time_ms":2,"heartbeat_ms":3,'
        b'"recovered":true,"holds":[]}'
    )
    assert wire.encode_json(wire.ProductSpotlight(seq=1, products=[])) == (
        b'{"type":"product.spotlight","seq":1,"products":[]}'
    )
