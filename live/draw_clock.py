"""The draw clock: draws what is due, tells the shows, and lines up who entered (decision 0025)."""

from inventory.draw_line import DrawLine
from kit.errors import UnavailableError
from kit.log import logger
from live.put_off import PutOff
from live.relay import Relay
from live.show_draws_pg import ShowDraws

_log = logger("draw_clock")


class DrawClock:
    """Any number may run; one that dies anywhere is taken up by the next round of any other."""

    def __init__(self, draws: ShowDraws, line: DrawLine, relay: Relay) -> None:
        self._draws = draws
        self._line = line
        self._relay = relay
        self._put_off = PutOff()

    async def round(self) -> None:
        """Draw every offer that is due, then serve the winners.

        What fails for one offer is logged and tried again in a later round.

        Raises:
            UnavailableError: Redis or Postgres does not answer; nothing is lost, the next round goes on.
        """
        for offer_id in self._put_off.ready(await self._draws.due()):
            await self._try(offer_id)
        await self._line.round()

    async def _try(self, offer_id: str) -> None:
        try:
            show_id = await self._draws.draw(offer_id)
        except UnavailableError as error:
            _log.warning("draw_waits", offer_id=offer_id, error=error.message)
            self._put_off.failed(offer_id)
            return
        except Exception:  # noqa: BLE001 - no bug about one draw may hold up the others; the trace is logged
            _log.exception("draw_failed", offer_id=offer_id)
            self._put_off.failed(offer_id)
            return
        try:
            await self._relay.relay(show_id)
        except UnavailableError:
            # The draw is durable; the worker's relay tells viewers as soon as Redis answers.
            _log.warning("draw_told_later", offer_id=offer_id)
