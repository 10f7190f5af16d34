"""The report of a rehearsal: its figures, its verdict, and how both look on screen."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from live.rehearse.channel_table import ChannelLine, channel_lines
from live.rehearse.facts import BankFigures, Facts
from live.rehearse.invariants import Verdict, judge, shown

NAME_SHOWN_CHARS: Final = 24
"""Characters of a channel's name that stand on one line."""


class RehearseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, and whether it holds.

    Attributes:
        refused: claims whose first answer was a refusal, by reason.
        answer_ms: from tap to first answer, over connections that stayed: p50, p95, p99.
        event_delay_p99_ms: from a log event's making to its arrival at a viewer.
        events_per_viewer: the fewest and the most log events that a viewer saw.
        messages: all messages that all viewers got.
        channel_received: what the rehearsal's channel shows in the end.
        channel_due: what the stock ledger says that it should show.
        channels: the shop's own channels, besides the rehearsal's.
        payments: how many the bank has, by their state.
        given_back: payments of which money went back.
        bank: what a bank of the rehearsal's own did with its webhooks; None for the server's test bank.
        verdict: the last line, such as ``held: 100 of 100 units sold, 0 oversold``.
    """

    show_id: str
    offer_id: str
    sku: str
    duration_s: float
    viewers: int
    claims: int
    accepted: int
    refused: dict[str, int]
    unanswered: int
    double_taps: int
    answer_ms: dict[str, float]
    event_delay_p99_ms: float
    orders: dict[str, int]
    units_allocated: int
    units_sold: int
    oversold: int
    reconnects: int
    events_per_viewer: tuple[int, int]
    messages: int
    channel_received: int | None
    channel_due: int
    channels: tuple[ChannelLine, ...]
    payments: dict[str, int]
    given_back: int
    bank: BankFigures | None
    invariants: tuple[Verdict, ...]
    held: bool
    verdict: str


def make_report(facts: Facts, *, show_id: str, sku: str, duration_s: float) -> RehearseReport:
    """Count what the facts say, and judge it. Pure."""
    verdicts = tuple(judge(facts))
    held = all(verdict.held for verdict in verdicts)
    claims = [claim for viewer in facts.viewers for claim in viewer.claims.values()]
    firsts = Counter(claim.answers[0].lstrip("!?") if claim.answers else "" for claim in claims)
    refused = {name: count for name, count in firsts.items() if name and not name.startswith("hold_")}
    waits = [claim.answered_ms - claim.sent_ms for claim in claims if claim.answered_ms is not None and not claim.cut]
    delays = [
        arrived_ms - facts.event_at_ms[seq]
        for viewer in facts.viewers
        for seq, arrived_ms in viewer.arrivals
        if seq in facts.event_at_ms
    ]
    sold = facts.pool.sold
    oversold = max(0, sum(order.quantity for order in facts.sold_orders) - facts.pool.allocated)
    broken = [str(verdict.number) for verdict in verdicts if not verdict.held]
    own = next((one for one in facts.channels.levels if one.channel_id == facts.channels.own_id), None)
    units = f"{sold} of {facts.pool.allocated} units sold, {oversold} oversold"
    seen = [len(viewer.arrivals) for viewer in facts.viewers] or [0]
    return RehearseReport(
        show_id=show_id,
        offer_id=facts.offer_id,
        sku=sku,
        duration_s=round(duration_s, 1),
        viewers=len(facts.viewers),
        claims=len(claims),
        accepted=sum(count for name, count in firsts.items() if name.startswith("hold_")),
        refused=dict(sorted(refused.items())),
        unanswered=firsts[""],
        double_taps=sum(1 for claim in claims if claim.sends > 1),
        answer_ms={f"p{percent}": percentile(waits, percent) for percent in (50, 95, 99)},
        event_delay_p99_ms=percentile(delays, 99),
        orders=dict(sorted(Counter(order.state for order in facts.orders).items())),
        units_allocated=facts.pool.allocated,
        units_sold=sold,
        oversold=oversold,
        reconnects=sum(max(0, viewer.welcomes - 1) for viewer in facts.viewers),
        events_per_viewer=(min(seen), max(seen)),
        messages=sum(viewer.messages for viewer in facts.viewers),
        channel_received=None if own is None else own.received,
        channel_due=max(0, facts.ledger.on_hand - facts.ledger.ring_fenced),
        channels=channel_lines(facts.channels, facts.ledger),
        payments=dict(sorted(Counter(payment.state for payment in facts.payments).items())),
        given_back=sum(1 for payment in facts.payments if payment.refunded > 0),
        bank=facts.bank,
        invariants=verdicts,
        held=held,
        verdict=f"held: {units}" if held else f"BROKEN: invariant {', '.join(broken)}; {units}",
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the nearest-rank percentile, rounded to 0.1; 0 for no values."""
    if not values:
        return 0.0
    rank = max(1, -(-len(values) * percent // 100))
    return round(sorted(values)[rank - 1], 1)


def print_report(report: RehearseReport, console: Console) -> None:
    """Print the tables and the verdict; that of channels only where the shop has some."""
    console.print(_happened(report))
    if report.channels:
        console.print(_channels(report))
    console.print(_invariants(report))
    console.print(report.verdict, style="bold green" if report.held else "bold red", highlight=False, soft_wrap=True)


def _happened(report: RehearseReport) -> Table:
    table = Table(title=f"Rehearsal of {report.duration_s} s", box=box.SIMPLE, title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    answer = report.answer_ms
    fewest, most = report.events_per_viewer
    shows = "no channel of its own" if report.channel_received is None else f"shows {report.channel_received}"
    for name, value in (
        ("show, offer", f"{report.show_id}  {report.offer_id}"),
        ("viewers", f"{report.viewers}, {report.reconnects} reconnects"),
        ("claims", f"{report.claims}: {report.accepted} accepted, {sum(report.refused.values())} refused"),
        ("refused", ", ".join(f"{reason} {count}" for reason, count in report.refused.items()) or "none"),
        ("without an answer", str(report.unanswered)),
        ("double taps", str(report.double_taps)),
        ("claim to answer", f"p50 {answer['p50']} ms, p95 {answer['p95']} ms, p99 {answer['p99']} ms"),
        ("event delay", f"p99 {report.event_delay_p99_ms} ms"),
        ("events per viewer", str(fewest) if fewest == most else f"{fewest} to {most}"),
        ("messages", str(report.messages)),
        ("orders", ", ".join(f"{state} {count}" for state, count in report.orders.items()) or "none"),
        ("units sold", f"{report.units_sold} of {report.units_allocated}"),
        ("channel", f"{shows}, the ledger says {report.channel_due}"),
        *_bank(report),
    ):
        table.add_row(name, value)
    return table


def _bank(report: RehearseReport) -> list[tuple[str, str]]:
    """The lines of a bank of the rehearsal's own."""
    bank = report.bank
    if bank is None:
        return []
    states = ", ".join(f"{state} {count}" for state, count in report.payments.items()) or "none"
    made = sum(report.payments.values())
    webhooks = f"{bank.events}: {bank.delivered} delivered, {bank.duplicates} of them twice, {bank.lost} lost"
    return [
        ("fake Stripe", f"{made} payments: {states}; {report.given_back} given back"),
        ("its webhooks", f"{webhooks}, {bank.refused} calls refused"),
        ("its answers", f"{bank.answers_lost} lost, {bank.too_many} calls too many"),
    ]


def _channels(report: RehearseReport) -> Table:
    title = f"Channels, and what they were told of {report.sku}"
    table = Table(title=title, box=box.SIMPLE, title_justify="left", collapse_padding=True)
    widest = max(len(one.name) for one in report.channels)
    table.add_column("channel", min_width=min(widest, NAME_SHOWN_CHARS))
    table.add_column("kind", style="dim", no_wrap=True)
    for name in ("lag\np99 ms", "calls\nmade", "least\npossible"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("final level\n= ledger", no_wrap=True)
    others = [f"{escape(one.name)} {one.other_skus}" for one in report.channels if one.other_skus and one.calls]
    if others:
        table.caption = f"Calls made told other SKUs, too: {', '.join(others)}"
        table.caption_justify = "left"
    for one in report.channels:
        lag = "-" if one.lag_p99_ms is None else str(one.lag_p99_ms)
        calls = "not told" if one.calls is None else str(one.calls)
        table.add_row(escape(one.name), one.kind, lag, calls, str(one.least_calls), _final(one))
    return table


def _final(line: ChannelLine) -> str:
    if line.equal is None:
        return "not there"
    return f"[green]yes[/], {line.due}" if line.equal else f"[bold red]no[/], {line.shows} for {line.due}"


def _invariants(report: RehearseReport) -> Table:
    table = Table(title="Invariants", box=box.SIMPLE, title_justify="left")
    table.add_column("", justify="right", style="dim")
    table.add_column("invariant")
    table.add_column("")
    table.add_column("figures", overflow="fold")
    for verdict in report.invariants:
        state = "[green]held[/]" if verdict.held else "[bold red]broken[/]"
        figures = verdict.figures if verdict.held else f"{shown(verdict.faults)} ({verdict.figures})"
        table.add_row(str(verdict.number), verdict.name, state, figures)
    return table
