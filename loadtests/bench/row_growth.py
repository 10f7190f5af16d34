"""The row ``growth``: whether a viewer, or a claim, costs more when more people watch.

A crowd of each size sits on a gateway process of its own, all of them at the same time; the crowds take turns, from the
smallest to the largest and back, while the others are idle. So a machine that becomes slower hits all of them alike,
and medians are compared. In its turn a crowd is idle, then gets ten state frames a second because the stock of an
offer changes with every tick, then claims. What is judged, and why, is told in ``growth.py``:

- ``growth-viewer``: CPU of the gateway for one viewer and second of steady state, which is ten state frames; a machine
  that is too busy for them is in doubt. What the process uses while nothing happens, measured in the same turn, is
  subtracted; the dozen claims a second that change the stock are in it.
- ``growth-claim``: CPU of the gateway for a claim that is answered with yes, at the same pace whatever the crowd. A
  claim that becomes a hold changes the stock, and all who watch are told with the next tick, which is what viewers
  cost, not claims. So each viewer asks again for the last hold that it got: the gateway does the same for it, the book
  answers with the hold that is there, and no stock changes. What the first time cost, with its frames, is told beside.
- ``growth-refusal``: the same of an offer that is sold out.

The floors are what the kernel alone asks, in the same turns: beside ``growth-viewer`` a bare ``send`` to as many
readers, beside the others a bare ``recv`` and ``send`` for as many who claim at the same pace (decision 0035).
"""

import contextlib
from collections.abc import Callable, Sequence
from statistics import median

from loadtests.bench.bench import Bench
from loadtests.bench.growth import Phase, Turn, growth, spread
from loadtests.bench.growth_crowd import growth_crowd, shop_processes
from loadtests.bench.growth_limits import FRAMES_LEAST_PER_S, FRAMES_PER_S, GROWTH_MOST_RATIO
from loadtests.bench.result import FLOOR, OURS, RowResult
from loadtests.bench.usage import API, GATEWAY, POSTGRES, REDIS
from loadtests.errors import LoadError

_Turns = Sequence[Sequence[Turn]]
"""By size of the crowd, rising."""


def row_growth(bench: Bench) -> list[RowResult]:
    """Let crowds of rising sizes take turns, and compare what a viewer and a claim cost.

    Raises:
        LoadError: somebody does not get in, a crowd dies, or the machine is too busy for any figure.
    """
    sizes, turns = bench.sizes.growth_viewers, bench.sizes.growth_turns
    with contextlib.ExitStack() as stack:
        crowds = []
        shop = shop_processes()
        for viewers in sizes:
            bench.tell(f"growth: connecting {viewers:,} viewers to the floor and to a gateway ...")
            crowds.append(stack.enter_context(growth_crowd(bench, viewers, shop)))
        found: list[list[Turn]] = [[] for _ in crowds]
        for number in range(turns):
            bench.tell(f"growth: turn {number + 1} of {turns} ...")
            places = range(len(crowds))
            for place in reversed(places) if number % 2 else places:
                for crowd in crowds:
                    crowd.be_heard()
                found[place].append(crowds[place].turn())
        doubts = [doubt for crowd in crowds for doubt in crowd.doubts]
    return [viewer_result(found, doubts), claim_result(found, doubts), refusal_result(found, doubts)]


def viewer_result(found: _Turns, doubts: list[str]) -> RowResult:
    """Return what a viewer costs."""
    for turns in found:
        frames = _middle(turns, lambda turn: turn.frames_per_s)
        if frames < FRAMES_LEAST_PER_S:
            doubts = [*doubts, f"{turns[0].viewers:,} viewers: {frames:.1f} state frames a second, not {FRAMES_PER_S}"]
    return _result(
        "growth-viewer",
        f"gateway CPU per viewer and second above an idle gateway's, {FRAMES_PER_S} state frames/s",
        found,
        lambda turn: turn.above_idle_us,
        doubts,
        floor=growth(_middles(found, lambda turn: turn.floor_us)),
        further={
            "the same with what an idle gateway uses, µs": lambda turn: turn.viewer_us,
            "CPU per delivery, µs": lambda turn: turn.frame_us,
            "floor: CPU per send, µs": lambda turn: turn.floor_us,
            "idle gateway: CPU in µs/s": lambda turn: turn.idle_us_per_s,
            "state frames a second": lambda turn: turn.frames_per_s,
            "load client's share of its core": lambda turn: turn.steady.client_share,
            "others on this machine: share of a core": lambda turn: turn.steady.others,
        },
    )


def claim_result(found: _Turns, doubts: list[str]) -> RowResult:
    """Return what a claim costs that is answered with yes."""
    return _result(
        "growth-claim",
        f"gateway CPU per claim answered with yes, {_pace(found, lambda turn: turn.again)}",
        found,
        lambda turn: turn.again.each_us(GATEWAY),
        doubts,
        floor=_claim_floor_growth(found),
        further={
            **_around("claim", lambda turn: turn.again),
            "asked for the first time, with the state frames, µs": lambda turn: turn.accepted.each_us(GATEWAY),
            "asked for the first time, state frames of each viewer": lambda turn: turn.frames_each(turn.accepted),
        },
    )


def refusal_result(found: _Turns, doubts: list[str]) -> RowResult:
    """Return what a claim costs that is refused."""
    return _result(
        "growth-refusal",
        f"gateway CPU per sold-out refusal, {_pace(found, lambda turn: turn.refused)}",
        found,
        lambda turn: turn.refused.each_us(GATEWAY),
        doubts,
        floor=_claim_floor_growth(found),
        further=_around("refusal", lambda turn: turn.refused),
    )


def _pace(found: _Turns, phase: Callable[[Turn], Phase]) -> str:
    slowest = min(_middles(found, lambda turn: phase(turn).per_s))
    return f"{round(slowest, -2):,.0f} claims/s"


def _claim_floor_growth(found: _Turns) -> float:
    return growth(_middles(found, lambda turn: turn.claim_floor.each_us(GATEWAY)))


def _around(what: str, phase: Callable[[Turn], Phase]) -> dict[str, Callable[[Turn], float]]:
    """Return the floor of a claim, what went on around those of a phase, and what each of them cost elsewhere."""
    return {
        "floor: CPU per bare receive and send, µs": lambda turn: turn.claim_floor.each_us(GATEWAY),
        "floor: load client's share of its core": lambda turn: turn.claim_floor.client_share,
        "load client's share of its core": lambda turn: phase(turn).client_share,
        "others on this machine: share of a core": lambda turn: phase(turn).others,
        f"{what}s a second": lambda turn: phase(turn).per_s,
        f"{REDIS}: CPU per {what}, µs": lambda turn: phase(turn).each_us(REDIS),
        f"{API}: CPU per {what}, µs": lambda turn: phase(turn).each_us(API),
        f"{POSTGRES}: CPU per {what}, µs": lambda turn: phase(turn).each_us(POSTGRES),
    }


def _result(
    row: str,
    what: str,
    found: _Turns,
    cost: Callable[[Turn], float],
    doubts: list[str],
    *,
    further: dict[str, Callable[[Turn], float]],
    floor: float | None = None,
) -> RowResult:
    costs = _middles(found, cost)
    if min(costs) <= 0:
        raise LoadError(f"{row}: the machine is too busy: nothing is left of the CPU time above an idle gateway's")
    grown = growth(costs)
    details: dict[str, float | str] = {
        "dearest against cheapest": round(spread(costs), 3),
        "each turn, µs": "; ".join(
            f"{turns[0].viewers:,}: " + ", ".join(f"{cost(turn):.2f}" for turn in turns) for turns in found
        ),
    }
    for name, figure in further.items():
        details[name] = ", ".join(
            f"{turns[0].viewers:,}: {value:,.2f}" for turns, value in zip(found, _middles(found, figure), strict=True)
        )
    each = ", ".join(f"{value:.1f}" for value in costs)
    sizes = ", ".join(f"{turns[0].viewers:,}" for turns in found)
    return RowResult(
        row=row,
        what=f"{what}: {each} µs at {sizes} viewers (spread {spread(costs):.2f}); more viewers against fewer",
        unit="x",
        columns={OURS: grown} | ({} if floor is None else {FLOOR: floor}),
        limit=f"≤ {GROWTH_MOST_RATIO} x with fewer",
        reached=grown <= GROWTH_MOST_RATIO,
        doubts=doubts,
        details=details,
    )


def _middles(found: _Turns, figure: Callable[[Turn], float]) -> list[float]:
    return [_middle(turns, figure) for turns in found]


def _middle(turns: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    return median(figure(turn) for turn in turns)
