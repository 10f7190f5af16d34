import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from live.rehearse.facts import BankFigures, ChannelLevel, Facts, WatchedChannel
from live.rehearse.report import make_report, percentile, print_report
from tests.unit.live.rehearse.facts_of_a_show import facts, payment


def test_the_figures_are_those_of_the_records() -> None:
    report = make_report(facts(), show_id="show_1", sku="MUG", duration_s=12.34)
    assert report.held
    assert report.verdict == "held: 2 of 2 units sold, 0 oversold"
    assert (report.claims, report.accepted, report.double_taps, report.unanswered) == (2, 2, 2, 0)
    assert report.answer_ms == {"p50": 10.0, "p95": 20.0, "p99": 20.0}
    assert report.event_delay_p99_ms == 10.0
    assert report.events_per_viewer == (3, 3)
    assert (report.channel_received, report.channel_due) == (4, 5)


def test_a_broken_invariant_is_named_in_the_verdict_and_shown_with_its_fault() -> None:
    found = replace(facts(), ledger=replace(facts().ledger, drifting_skus=3))
    report = make_report(found, show_id="show_1", sku="MUG", duration_s=1)
    screen = io.StringIO()
    print_report(report, Console(file=screen, width=200))
    assert not report.held
    assert report.verdict.startswith("BROKEN: invariant 11;")
    assert "3 SKUs drift" in screen.getvalue()


def test_a_bank_of_its_own_is_told_of_and_no_other() -> None:
    bank = BankFigures(events=9, delivered=7, duplicates=3, lost=2, refused=1, waiting=0, answers_lost=4, too_many=5)
    screen = io.StringIO()
    for found in (facts(), replace(facts(), bank=bank, payments=(payment(1), payment(2, refunded=400)))):
        assert "fake Stripe" not in screen.getvalue()
        print_report(make_report(found, show_id="show_1", sku="MUG", duration_s=1), Console(file=screen, width=200))
    for line in (
        "2 payments: captured 2; 1 given back",
        "9: 7 delivered, 3 of them twice, 2 lost, 1 calls refused",
        "4 lost, 5 calls too many",
    ):
        assert line in screen.getvalue()


def printed(found: Facts) -> str:
    screen = io.StringIO()
    print_report(make_report(found, show_id="show_1", sku="MUG", duration_s=1), Console(file=screen, width=80))
    return screen.getvalue()


def test_the_shops_own_channels_have_a_table_where_there_are_any() -> None:
    found = facts()
    level = ChannelLevel(channel_id="chan_2", safety_stock=0, switched_off=False, desired=5, told=4, received=None)
    other = WatchedChannel(
        channel_id="chan_2",
        kind="kakao",
        name="Talk [red]Store",
        must_converge=False,
        lags_ms=(70, 457),
        calls=3,
        least_calls=2,
    )
    channels = replace(found.channels, levels=(*found.channels.levels, level), watched=(other,))
    without, with_other = (printed(replace(found, channels=one)) for one in (found.channels, channels))
    assert "what they were told of" not in without
    assert "what they were told of MUG" in with_other
    (line,) = [one for one in with_other.splitlines() if "kakao" in one]
    assert line.split() == ["Talk", "[red]Store", "kakao", "457", "3", "2", "no,", "4", "for", "5"]
    assert "other SKUs" not in with_other
    busy = replace(channels, watched=(replace(other, other_skus=14),))
    assert "Calls made told other SKUs, too: Talk [red]Store 14" in printed(replace(found, channels=busy))


@pytest.mark.parametrize(
    ("values", "percent", "expected"), [([], 99, 0.0), ([5], 50, 5), (range(1, 101), 99, 99), (range(1, 101), 50, 50)]
)
def test_percentiles_are_nearest_rank(values: list[float], percent: int, expected: float) -> None:
    assert percentile(list(values), percent) == expected
