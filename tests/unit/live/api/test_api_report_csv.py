import csv
import io

from checkout.reports_pg import ClaimReport, MethodReport, OfferReport, ShowReport
from kit.money import Money
from live.api.report_csv import COLUMNS, report_csv

REPORT = ShowReport(
    show_id="show_1",
    peak_viewers=8,
    claims=ClaimReport(accepted=5, refused={"sold_out": 9}),
    orders=2,
    units=3,
    gmv=Money(3_000, "EUR"),
    aov=Money(1_500, "EUR"),
    buyers=2,
    conversion=0.25,
    refunded=Money(400, "EUR"),
    refunded_units=1,
    net=Money(2_600, "EUR"),
    by_offer=[
        OfferReport(
            offer_id="offer_1",
            sku="-MUG",
            title='=2+3, "mug"',
            orders=2,
            units=3,
            gmv=Money(3_000, "EUR"),
            refunded=Money(400, "EUR"),
            refunded_units=1,
            net=Money(2_600, "EUR"),
        )
    ],
    by_payment_method=[
        MethodReport(provider="test", payment_method="card", orders=3, confirmed=2, declined=1, gmv=Money(3_000, "EUR"))
    ],
    by_state={"captured": 2, "declined": 1},
    declines={"@card": 1},
)


def test_every_figure_of_the_report_is_one_line() -> None:
    rows = list(csv.reader(io.StringIO(report_csv(REPORT).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == ["show", "show_1", "currency", "EUR"]
    figures = {(section, name, figure): value for section, name, figure, value in rows[1:]}
    assert len(figures) == len(rows) - 1
    assert {figure: value for (section, _, figure), value in figures.items() if section == "show"} == {
        "currency": "EUR",
        "peak_viewers": "8",
        "orders": "2",
        "units": "3",
        "gmv": "3000",
        "aov": "1500",
        "buyers": "2",
        "conversion": "0.25",
        "refunded": "400",
        "refunded_units": "1",
        "net": "2600",
    }
    assert (figures["claims", "accepted", "claims"], figures["claims", "sold_out", "claims"]) == ("5", "9")
    assert (figures["offer", "offer_1", "net"], figures["offer", "offer_1", "units"]) == ("2600", "3")
    assert (figures["payment_method", "card", "provider"], figures["payment_method", "card", "declined"]) == (
        "test",
        "1",
    )
    assert (figures["state", "captured", "orders"], figures["decline", "'@card", "orders"]) == ("2", "1")


def test_no_text_of_a_merchant_or_a_provider_starts_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(report_csv(REPORT).decode(), newline="")))
    assert ["offer", "offer_1", "sku", "'-MUG"] in rows
    assert ["offer", "offer_1", "title", '\'=2+3, "mug"'] in rows
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
