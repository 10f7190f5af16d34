"""What buyers do when their payment waits for them: they follow the link, and then do as their plan says."""

import asyncio
import contextlib
import random
from urllib.parse import urlsplit

from live import wire
from live.rehearse.fake_bank_http import FakeBank
from live.rehearse.host_http import HostHttp, HostRefusedError
from live.rehearse.limits import ACT_WITHIN_S, BANK_THINKS_S, CANCEL_AFTER_S, CROSS_AFTER_S, PAY_LATE_S
from live.rehearse.plan import AtBank


class AtTheBank:
    """The bank's page, and the shop's staff, who cancel what nobody pays.

    Args:
        host: with a token that may cancel orders.
    """

    def __init__(self, bank: FakeBank, host: HostHttp) -> None:
        self._bank = bank
        self._host = host

    async def act(self, plan: AtBank, told: wire.OrderAction) -> None:
        """Do what the plan says, however long it takes; what comes too late changes nothing.

        Raises:
            ServerGoneError: the bank or the server does not answer.
        """
        payment_id = payment_of(told.action)
        if payment_id is None:
            return
        match plan:
            case "pays":
                await _soon()
                await self._bank.buyer(payment_id, "pays")
            case "thinks":
                await _soon()
                await self._bank.buyer(payment_id, "thinks")
                await asyncio.sleep(BANK_THINKS_S)
                await self._bank.buyer(payment_id, "pays")
            case "gives_up":
                await _soon()
                await self._bank.buyer(payment_id, "fails")
            case "pays_late":
                await asyncio.sleep(PAY_LATE_S)
                await self._bank.buyer(payment_id, "pays")
            case "never_pays":
                await asyncio.sleep(CANCEL_AFTER_S)
                await self._cancel(told.order_id)
            case "crosses":
                await asyncio.sleep(CROSS_AFTER_S)
                await asyncio.gather(self._bank.buyer(payment_id, "pays"), self._cancel(told.order_id))

    async def _cancel(self, order_id: str) -> None:
        # It may have ended by itself meanwhile.
        with contextlib.suppress(HostRefusedError):
            await self._host.post_raw(f"/v1/orders/{order_id}/cancel", {"reason": "rehearsal: nobody paid"})


def payment_of(action: wire.Action) -> str | None:
    """Return the payment that the bank's page is about: the last part of its address; None without an address."""
    if action.url is None:
        return None
    return urlsplit(action.url).path.rpartition("/")[2] or None


async def _soon() -> None:
    await asyncio.sleep(random.uniform(0, ACT_WITHIN_S))  # noqa: S311 - people, not a secret
