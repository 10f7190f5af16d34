"""What a show brought."""

from pathlib import Path

import asyncpg
import msgspec

from checkout.limits import REPORT_MOST_ROWS
from kit.errors import NotFoundError
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "reports.sql")


class ClaimReport(msgspec.Struct, frozen=True, kw_only=True):
    """How claims were answered, repeats included: gateways count answers. Refusals by reason."""

    accepted: int
    refused: dict[str, int]


class OfferReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one offer brought; the words are those of ``ShowReport``."""

    offer_id: str
    sku: str
    title: str
    orders: int
    units: int
    gmv: Money
    refunded: Money
    refunded_units: int
    net: Money


class MethodReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one payment method of a provider did.

    Attributes:
        orders: all that tried it; the rest of them are still being paid, were cancelled, or found no unit.
        confirmed: those that count as sold; ``gmv`` is theirs.
    """

    provider: str
    payment_method: str
    orders: int
    confirmed: int
    declined: int
    gmv: Money


class ShowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one show.

    Attributes:
        orders: confirmed ones, those refunded later included; so are ``units``, ``gmv`` and ``buyers``.
        gmv: gross merchandise value, before refunds.
        aov: average order value, rounded down to a minor unit.
        conversion: buyers per viewer at the peak, 0 to 1.
        refunded: what went back of ``gmv``.
        refunded_units: units whose money went back.
        net: ``gmv`` less ``refunded``.
        by_offer: the largest first; their sums are the figures above.
        by_payment_method: the most used first, without what stands behind a colon.
        by_state: all orders of the show, by the state that they are in now.
        declines: declined orders by reason, the most frequent first.
    """

    show_id: str
    peak_viewers: int
    claims: ClaimReport
    orders: int
    units: int
    gmv: Money
    aov: Money
    buyers: int
    conversion: float
    refunded: Money
    refunded_units: int
    net: Money
    by_offer: list[OfferReport]
    by_payment_method: list[MethodReport]
    by_state: dict[str, int]
    declines: dict[str, int]


class Reports:
    """Reads figures straight from the rows; nothing is counted twice or kept aside."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def show_report(self, show_id: str) -> ShowReport:
        """Return the figures of a show as they are now, all of one moment.

        Each table has at most ``REPORT_MOST_ROWS`` rows.

        Raises:
            NotFoundError: ``unknown_show``.
        """
        async with (
            self._postgres.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            show = await connection.fetchrow(_sql.show_head, show_id)
            sales = await connection.fetchrow(_sql.show_sales, show_id)
            claims = {row["result"]: row["claims"] for row in await connection.fetch(_sql.claim_counts, show_id)}
            offers = await connection.fetch(_sql.show_offers, show_id, REPORT_MOST_ROWS)
            methods = await connection.fetch(_sql.show_methods, show_id, REPORT_MOST_ROWS)
            declines = await connection.fetch(_sql.show_declines, show_id, REPORT_MOST_ROWS)
            states = await connection.fetch(_sql.show_states, show_id)
        if show is None or sales is None:
            raise NotFoundError("there is no such show", code="unknown_show", details={"show_id": show_id})
        currency = show["currency"]
        return ShowReport(
            show_id=show_id,
            peak_viewers=show["peak_viewers"],
            claims=ClaimReport(accepted=claims.pop("accepted", 0), refused=claims),
            orders=sales["orders"],
            units=sales["units"],
            gmv=Money(sales["gmv"], currency),
            aov=Money(sales["gmv"] // sales["orders"] if sales["orders"] else 0, currency),
            buyers=sales["buyers"],
            conversion=min(1.0, sales["buyers"] / show["peak_viewers"]) if show["peak_viewers"] else 0.0,
            refunded=Money(sales["refunded"], currency),
            refunded_units=sales["refunded_units"],
            net=Money(sales["gmv"] - sales["refunded"], currency),
            by_offer=[_offer(row, currency) for row in offers],
            by_payment_method=[_method(row, currency) for row in methods],
            by_state={row["state"]: row["orders"] for row in states},
            declines={row["reason"]: row["orders"] for row in declines},
        )


def _offer(row: asyncpg.Record, currency: str) -> OfferReport:
    return OfferReport(
        offer_id=row["offer_id"],
        sku=row["sku"],
        title=row["title"],
        orders=row["orders"],
        units=row["units"],
        gmv=Money(row["gmv"], currency),
        refunded=Money(row["refunded"], currency),
        refunded_units=row["refunded_units"],
        net=Money(row["gmv"] - row["refunded"], currency),
    )


def _method(row: asyncpg.Record, currency: str) -> MethodReport:
    return MethodReport(
        provider=row["provider"],
        payment_method=row["payment_method"],
        orders=row["orders"],
        confirmed=row["confirmed"],
        declined=row["declined"],
        gmv=Money(row["gmv"], currency),
    )
