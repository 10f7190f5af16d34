"""The report's table of channels: what each was told of the rehearsal's SKU, and with how many calls. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from inventory.channels.channel import Capabilities
from kit.pace import Pace
from live.rehearse.facts import ChannelFacts, ChannelLevel, LedgerFacts, WatchedChannel

CALLS: Final = "showdrop_channel_calls"
"""The counter of calls by channel and result."""

TELLING: Final = frozenset({"taken", "failed"})
"""The results of calls that tell levels; a failed one may also have asked for orders or told products."""

PROMISED_S: Final = 1.0
"""From a change of the stock to the call that tells a healthy channel of it."""


class ChannelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of the shop during the rehearsal, besides the rehearsal's own.

    Attributes:
        lag_p99_ms: from each moment, by the stock ledger, that its level changed to the one that it had been told what
            there was then, with the channel's answer written down; None when its level did not change.
        calls: that told it levels of any SKU, and those that failed; None when the server's ``/metrics`` does not say.
        least_calls: that would have done for the rehearsal's SKU; see the function.
        other_skus: that it was told meanwhile, with the same calls or others.
        shows: the level that it was told last; None when it was told none.
        due: what the stock ledger says that it should show.
        equal: whether both are the same; None when it is paused, or the SKU is not linked to an item of it.
    """

    channel_id: str
    kind: str
    name: str
    lag_p99_ms: int | None
    calls: int | None
    least_calls: int
    other_skus: int
    shows: int | None
    due: int | None
    equal: bool | None


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Calls so far, by channel; None where they are not counted."""

    by_channel: dict[str, int] | None

    def since(self, before: "Calls", channel_id: str) -> int | None:
        """Return how many were made since; of a counter that began anew meanwhile, those since then."""
        if self.by_channel is None or before.by_channel is None:
            return None
        now, then = self.by_channel.get(channel_id, 0), before.by_channel.get(channel_id, 0)
        return now - then if now >= then else now


def calls_in(exposition: str) -> Calls:
    """Read them from the text of ``/metrics``."""
    counted: dict[str, int] | None = None
    for family in text_string_to_metric_families(exposition):
        if family.name == CALLS:
            counted = {}
            for sample in family.samples:
                if sample.name == f"{CALLS}_total" and sample.labels["result"] in TELLING:
                    channel_id = sample.labels["channel"]
                    counted[channel_id] = counted.get(channel_id, 0) + int(sample.value)
    return Calls(by_channel=counted)


def due_level(ledger: LedgerFacts, level: ChannelLevel) -> int:
    """Return what the ledger says that a channel should show."""
    return _shown(ledger.on_hand - ledger.ring_fenced, level)


def level_changes(
    free_units: Sequence[tuple[int, int]], now: int, level: ChannelLevel, can: Capabilities
) -> list[tuple[int, int]]:
    """Return when, in milliseconds, the level of a channel became what.

    Args:
        free_units: when, and by how many, the units changed that nobody has set aside; the oldest first.
        now: such units after all of that.
        level: whose safety stock and switch count.
        can: what the channel is told; of one that only knows "in stock" the levels are 1 and 0.
    """
    units = now - sum(delta for _, delta in free_units)
    shown, changes = level_before(free_units, now, level, can), []
    for at_ms, delta in free_units:
        units += delta
        if _told_as(units, level, can) != shown:
            shown = _told_as(units, level, can)
            changes.append((at_ms, shown))
    return changes


def level_before(free_units: Sequence[tuple[int, int]], now: int, level: ChannelLevel, can: Capabilities) -> int:
    """Return the level before all changes; arguments as of ``level_changes``."""
    return _told_as(now - sum(delta for _, delta in free_units), level, can)


def least_calls(
    changes: Sequence[tuple[int, int]], before: int, can: Capabilities, *, called_at_ms: int, now_ms: int
) -> int:
    """Return how many calls tell a channel its level of one SKU, at least.

    It is what somebody needs who makes a call at once whenever one may be made, whose calls take no time, who never
    fails, and to whom one call in ``PROMISED_S`` is enough: what changes twice meanwhile is told once. What changes
    back is told, too: a channel may have sold what it showed, so that it shows something else by now. Only where
    availability is known and no quantity, it is not.

    Args:
        changes: see ``level_changes``.
        before: the level before the first of them, which the channel was told.
        can: how often the channel takes calls.
        called_at_ms: when it was called last before that, as often as it may be at once.
        now_ms: at the end; a call that may not be made yet does not count.
    """
    pace = Pace(can.calls_per_s, at_once=can.calls_at_once)
    for _ in range(can.calls_at_once):
        pace.start(called_at_ms / 1000)
    told, calls, enough_until_s = before, 0, called_at_ms / 1000
    for place, (at_ms, shown) in enumerate(changes):
        starts_s = max(at_ms / 1000, enough_until_s)
        starts_s += max(0.0, pace.wait_s(starts_s))
        if 1000 * starts_s > now_ms:
            break
        is_overtaken = place + 1 < len(changes) and changes[place + 1][0] <= 1000 * starts_s
        if not is_overtaken and (shown != told or can.tells == "quantity"):
            pace.start(starts_s)
            told, calls, enough_until_s = shown, calls + 1, starts_s + PROMISED_S
    return calls


def lags_ms(changes: Sequence[tuple[int, int]], in_step_at_ms: Collection[int], now_ms: int) -> tuple[int, ...]:
    """Return how long each change took until the channel had been told all that there was; so far, where it has not.

    Args:
        changes: see ``level_changes``.
        in_step_at_ms: when it was seen to have been told the last that there was.
        now_ms: at the end.
    """
    moments = [*sorted(in_step_at_ms), now_ms]
    return tuple(next((at for at in moments if at >= at_ms), now_ms) - at_ms for at_ms, _ in changes)


def _shown(free: int, level: ChannelLevel) -> int:
    return 0 if level.switched_off else max(0, free - level.safety_stock)


def _told_as(free: int, level: ChannelLevel, can: Capabilities) -> int:
    shown = _shown(free, level)
    return min(shown, 1) if can.tells == "availability" else shown


def channel_lines(channels: ChannelFacts, ledger: LedgerFacts) -> tuple[ChannelLine, ...]:
    """Return a line for each of the shop's own channels, in the order in which they were connected."""
    levels: Mapping[str, ChannelLevel] = {one.channel_id: one for one in channels.levels}
    return tuple(_line(one, levels.get(one.channel_id), ledger) for one in channels.watched)


def _line(channel: WatchedChannel, level: ChannelLevel | None, ledger: LedgerFacts) -> ChannelLine:
    lags = sorted(channel.lags_ms)
    due = None if level is None else due_level(ledger, level)
    return ChannelLine(
        channel_id=channel.channel_id,
        kind=channel.kind,
        name=channel.name,
        lag_p99_ms=lags[-(-len(lags) * 99 // 100) - 1] if lags else None,
        calls=channel.calls,
        least_calls=channel.least_calls,
        other_skus=channel.other_skus,
        shows=None if level is None else level.told,
        due=due,
        equal=None if level is None else level.told == due,
    )
