"""The offer clock: moves offers that have begun or are over, and tells their shows."""

import asyncio

from kit.errors import UnavailableError
from kit.log import logger
from live.relay import Relay
from live.shows_pg import Shows

RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0

_log = logger("offer_clock")


class OfferClock:
    """Any number may run. An offer that fails waits by itself, twice as long each time; the others go on."""

    def __init__(self, shows: Shows, relay: Relay) -> None:
        self._shows = shows
        self._relay = relay
        self._waits: dict[str, tuple[float, float]] = {}  # offer: seconds it waits, until when on the loop's clock

    async def round(self) -> None:
        """Move every offer that is due once.

        What fails for one offer is logged and tried again in a later round.

        Raises:
            UnavailableError: Postgres does not say what is due.
        """
        due = await self._shows.due_offers()
        self._waits = {offer_id: wait for offer_id, wait in self._waits.items() if offer_id in due}
        for offer_id in due:
            _, until = self._waits.get(offer_id, (0.0, 0.0))
            if asyncio.get_running_loop().time() >= until:
                await self._try(offer_id)

    async def _try(self, offer_id: str) -> None:
        try:
            await self._shows.tick_offer(offer_id)
            offer = await self._shows.offer(offer_id)
            await self._relay.relay(offer.show_id)
        except UnavailableError as error:
            _log.warning("offer_waits", offer_id=offer_id, error=error.message)
            self._put_off(offer_id)
        except Exception:  # noqa: BLE001 - no bug about one offer may hold up the others; the trace is logged
            _log.exception("offer_failed", offer_id=offer_id)
            self._put_off(offer_id)

    def _put_off(self, offer_id: str) -> None:
        delay_s, _ = self._waits.get(offer_id, (RETRY_FIRST_S / 2, 0.0))
        delay_s = min(delay_s * 2, RETRY_MOST_S)
        self._waits[offer_id] = delay_s, asyncio.get_running_loop().time() + delay_s
