"""Money that a payment method never takes is refused at the counter, and the hold is as it was."""

from collections.abc import AsyncIterator

import pytest

from live import wire
from tests.integration.live.gateway.house import House, a_claim, counts, open_house

MPESA = {
    "SHOWDROP_PUBLIC_URL": "https://shop.example",
    "SHOWDROP_MPESA_KEY": "consumer-key",
    "SHOWDROP_MPESA_SECRET": "consumer-secret",
    "SHOWDROP_MPESA_SHORTCODE": "174379",
    "SHOWDROP_MPESA_PASSKEY": "pass-key",
    "SHOWDROP_MPESA_INITIATOR": "shop",
    "SHOWDROP_MPESA_CREDENTIAL": "credential",
    "SHOWDROP_MPESA_URL": "http://127.0.0.1:9",
}


@pytest.fixture
async def house(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A gateway that takes M-Pesa too; its shows are in euros."""
    for name, value in MPESA.items():
        monkeypatch.setenv(name, value)
    async with open_house(database_url, redis_url) as running:
        yield running


async def test_euros_cannot_be_paid_by_m_pesa_and_the_buyer_may_pay_otherwise(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    await ana.say(a_claim(offer_id))
    hold_id = (await ana.get(wire.ClaimAccepted)).hold_id

    await ana.say(wire.Checkout(hold_id=hold_id, payment_method="mpesa:254712345678"))
    refused = await ana.get(wire.Error)
    assert (refused.code, refused.temporary) == ("currency_not_supported", False)
    assert "Kenyan shillings" in refused.message
    async with house.stores.postgres.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM orders") == 0
    [hold] = (await house.stores.holds.holds_of([offer_id], ["ana"]))["ana"]
    assert hold.status == "held"
    assert await counts(house, offer_id) == (9, 1, 0)

    await ana.say(wire.Checkout(hold_id=hold_id, payment_method="pm_test_ok"))
    assert (await ana.get(wire.OrderSubmitted)).hold_id == hold_id
