"""What the fan-out and the rooms count, without a count per viewer."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from kit.metrics import new_registry, read_at_scrape
from live import wire
from live.fan_out import FanOut
from live.frames import JSON, Frame
from live.gateway_figures import GatewayFigures
from tests.unit.live.fan_out_seats import ASeat, House, state_frame


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.close()


def counted(house: House) -> GatewayFigures:
    figures = GatewayFigures()
    house.fan_out = FanOut[ASeat](figures=figures)
    return figures


async def test_a_broadcast_counts_frames_times_viewers_and_their_bytes(house: House) -> None:
    figures = counted(house)
    for _ in range(3):
        house.seat(JSON)
    for number in (1, 2):
        house.fan_out.send(state_frame(number))
    house.fan_out.flush()
    while house.fan_out.busy:
        await asyncio.sleep(0)
    assert figures.deliveries == 2 * 3
    assert figures.sent_bytes == 3 * sum(len(state_frame(number).of(JSON)) for number in (1, 2))
    assert figures.broadcast.count == 1
    assert figures.write_loop.count >= 1
    assert figures.event_lag.count == 0, "state has no moment at which it was made"


async def test_the_lag_of_an_event_runs_from_its_recording_to_the_last_write(house: House) -> None:
    figures = counted(house)
    house.seat(JSON)
    house.fan_out.send(Frame(wire.ProductSpotlight(seq=1, products=[]), int(time.time() * 1000) - 3_000))
    while house.fan_out.busy:
        await asyncio.sleep(0)
    registry = new_registry()
    read_at_scrape(registry, figures.collect)
    lag = registry.get_sample_value("showdrop_gateway_event_lag_seconds_sum")
    assert lag == pytest.approx(3.0, abs=0.5)
    assert figures.event_lag.count == 1


async def test_what_nobody_watches_is_not_counted(house: House) -> None:
    figures = counted(house)
    house.fan_out.send(Frame(wire.ProductSpotlight(seq=1, products=[]), 1))
    while house.fan_out.busy:
        await asyncio.sleep(0)
    assert (figures.deliveries, figures.broadcast.count, figures.event_lag.count) == (0, 0, 0)
