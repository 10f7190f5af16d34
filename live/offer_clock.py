"""The offer clock: moves offers that have begun or are over, and tells their shows."""

from kit.errors import UnavailableError
from kit.log import logger
from live.put_off import PutOff
from live.relay import Relay
from live.show_offers_pg import ShowOffers

_log = logger("offer_clock")


class OfferClock:
    """Any number may run. An offer that fails waits by itself, twice as long each time; the others go on."""

    def __init__(self, offers: ShowOffers, relay: Relay) -> None:
        self._offers = offers
        self._relay = relay
        self._put_off = PutOff()

    async def round(self) -> None:
        """Move every offer that is due once.

        What fails for one offer is logged and tried again in a later round.

        Raises:
            UnavailableError: Postgres does not say what is due.
        """
        for offer_id in self._put_off.ready(await self._offers.due()):
            await self._try(offer_id)

    async def _try(self, offer_id: str) -> None:
        try:
            await self._offers.tick(offer_id)
            offer = await self._offers.read(offer_id)
            await self._relay.relay(offer.show_id)
        except UnavailableError as error:
            _log.warning("offer_waits", offer_id=offer_id, error=error.message)
            self._put_off.failed(offer_id)
        except Exception:  # noqa: BLE001 - no bug about one offer may hold up the others; the trace is logged
            _log.exception("offer_failed", offer_id=offer_id)
            self._put_off.failed(offer_id)
