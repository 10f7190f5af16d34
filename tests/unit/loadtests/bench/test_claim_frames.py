"""Claims as bytes: what is written is what the gateway reads, and what it answers is found."""

import pytest

from kit.ids import is_ulid
from live import wire
from live.frames import JSON, frame_of
from loadtests.bench.claim_frames import (
    ACCEPTED,
    ID_BYTES,
    REFUSED,
    STOCK,
    ClaimIds,
    around_id,
    field_of,
    number_of_field,
    payloads,
)

OFFER = "offer_01K8Z5Q4T9V3N6C7M2R8X1B5DA"
CLAIM = "01K8Z5Q4T9V3N6C7M2R8X1B5DB"


def test_ids_are_ulids_and_none_comes_twice_when_their_block_is_used_up() -> None:
    ids = ClaimIds()
    made = [ids.next().decode() for _ in range(2 * 32**3)]
    assert len(set(made)) == len(made)
    assert all(is_ulid(one) for one in made[:: 32**2])


def test_the_gateway_reads_the_claim_that_was_put_together() -> None:
    before, after = around_id(OFFER)
    frame = before + CLAIM.encode() + after
    assert frame[1] & 0x80, "a client's frames are masked"
    head = 2 + 4
    assert frame[1] & 0x7F == len(frame) - head
    assert wire.client_decoder(binary=False)(frame[head:]) == wire.Claim(claim_id=CLAIM, offer_id=OFFER, quantity=1)


def test_answers_begin_as_the_crowd_expects_and_their_fields_are_found() -> None:
    accepted = wire.encode_json(
        wire.ClaimAccepted(claim_id=CLAIM, hold_id="hold_1", offer_id=OFFER, quantity=1, expires_at_ms=17)
    )
    refused = wire.encode_json(wire.ClaimRefused(claim_id=CLAIM, offer_id=OFFER, reason="sold_out", temporary=True))
    stock = wire.encode_json(wire.OfferStock(offer_id=OFFER, available=12, held=3, sold=0))
    for head, answer in ((ACCEPTED, accepted), (REFUSED, refused)):
        assert answer.startswith(head)
        assert answer[len(head) : len(head) + ID_BYTES] == CLAIM.encode()
    assert field_of(accepted, b"hold_id", 0, len(accepted)) == b"hold_1"
    assert number_of_field(accepted, b"expires_at_ms", 0, len(accepted)) == 17
    assert field_of(refused, b"reason", 0, len(refused)) == b"sold_out"
    assert stock.startswith(STOCK)
    assert number_of_field(stock, b"available", 0, len(stock)) == 12


def test_a_field_is_not_looked_for_behind_its_message() -> None:
    data = b'{"a":"1"}{"b":"2"}'
    assert field_of(data, b"b", 0, 9) == b""
    with pytest.raises(ValueError, match="not found"):
        number_of_field(b'{"a":1}{"b":2}', b"b", 0, 7)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_of_every_length_are_found_and_a_cut_one_is_left(size: int) -> None:
    frame = frame_of(b"x" * size, JSON)
    data = frame * 2
    found, rest = payloads(data, 0, len(data))
    assert [data[start:stop] for start, stop in found] == [b"x" * size] * 2
    assert rest == len(data)
    for missing in {1, len(frame) - 1}:
        cut = data[:-missing]
        found, rest = payloads(cut, 0, len(cut))
        assert len(found) == 1
        assert rest == len(frame)
