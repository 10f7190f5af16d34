"""A rehearsal that starts its own server and its own bank, a fake Stripe, and leaves nothing of them."""

import asyncio

import msgspec

from live.rehearse.house import ROOT, House, require_fakes
from live.rehearse.progress import Progress
from live.rehearse.rehearsal import OwnHouse, RehearseOptions, rehearse
from live.rehearse.report import RehearseReport
from live.rehearse.stop_signals import RehearsalStoppedError, StopSignals


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The part of ``RehearseOptions`` that does not depend on where the server is."""

    viewers: int
    units: int
    seed: int
    with_channel: bool


async def rehearse_with_stripe(wish: Wish, progress: Progress) -> RehearseReport:
    """Open a house, run the show in it, close the house, whatever happened.

    Raises:
        SettingError: the fake is not here.
        StartupError: the house could not be opened.
        RehearsalStoppedError: SIGINT or SIGTERM; nothing is left.
        ShowdropError: as ``rehearse`` does.
    """
    require_fakes(ROOT)
    with StopSignals() as signals:
        house = House()
        try:
            progress("starting a server and a fake Stripe", 0, 1)
            place = await signals.stopping(house.open(wish.seed))
            options = RehearseOptions(
                http_url=place.site.http_url,
                ws_url=place.site.ws_url,
                secret=place.secret,
                database_url=place.database_url,
                redis_url=place.redis_url,
                viewers=wish.viewers,
                units=wish.units,
                seed=wish.seed,
                with_channel=wish.with_channel,
                payments="stripe-fake",
            )
            return await rehearse(options, progress, OwnHouse(place.bank, signals))
        except asyncio.CancelledError:
            if signals.heard is None:
                raise
            raise RehearsalStoppedError(
                f"stopped by {signals.heard.name}; the server and the fake Stripe are stopped, nothing is left",
                number=signals.heard,
            ) from None
        finally:
            progress("stopping the server and the fake Stripe", 0, 1)
            await house.close()
