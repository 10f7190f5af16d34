"""What a show brought."""

from pathlib import Path

import msgspec

from kit.errors import NotFoundError
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "reports.sql")


class ClaimReport(msgspec.Struct, frozen=True, kw_only=True):
    """How claims were answered, repeats included: gateways count answers. Refusals by reason."""

    accepted: int
    refused: dict[str, int]


class ShowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one show.

    Attributes:
        orders: confirmed ones, those refunded later included; so are ``units``, ``gmv`` and ``buyers``.
        gmv: gross merchandise value, before refunds.
        aov: average order value, rounded down to a minor unit.
        conversion: buyers per viewer at the peak, 0 to 1.
        refunded: what went back of ``gmv``.
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


class Reports:
    """Reads figures straight from the rows; nothing is counted twice or kept aside."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def show_report(self, show_id: str) -> ShowReport:
        """Return the figures of a show as they are now.

        Raises:
            NotFoundError: ``unknown_show``.
        """
        async with self._postgres.connection() as connection:
            show = await connection.fetchrow(_sql.show_head, show_id)
            sales = await connection.fetchrow(_sql.show_sales, show_id)
            claims = {row["result"]: row["claims"] for row in await connection.fetch(_sql.claim_counts, show_id)}
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
        )
