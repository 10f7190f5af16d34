"""Exports: orders and their lines as CSV, written by Postgres itself and passed on as fast as they are read."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg

from checkout.handover import CrlfLines, Handover, HandoverStoppedError
from checkout.limits import EXPORT_AHEAD_BYTES, EXPORT_MAX_S, EXPORTS_AT_ONCE
from checkout.order import OrderState
from kit.errors import UnavailableError
from kit.postgres import Postgres, answer_within_s
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "exports.sql")


class ExportsBusyError(UnavailableError):
    """As many exports as may be are under way in this process."""

    default_code = "exports_busy"


class ExportTooSlowError(UnavailableError):
    """An export took longer than ``EXPORT_MAX_S``: it ends in the middle."""

    default_code = "export_too_slow"


class Exports:
    """Streams CSV files out of Postgres.

    Each file shows one moment. It comes in pieces that may end anywhere, with bounded memory: a reader who is slower
    than Postgres makes it wait, and one who leaves ends it. It lends a connection until Postgres has written its last
    line or the reader has left.

    A stream raises ``ExportsBusyError`` at its start, and in the middle ``ExportTooSlowError`` or, when the server is
    lost, ``UnavailableError``: whoever passes it on must not end it as if it were whole.

    Args:
        postgres: where.
        most_s: seconds of one export.
        at_once: exports under way at once; more are refused.
    """

    def __init__(self, postgres: Postgres, *, most_s: float = EXPORT_MAX_S, at_once: int = EXPORTS_AT_ONCE) -> None:
        self._postgres = postgres
        self._most_s = most_s
        self._at_once = at_once
        self._copies: set[asyncio.Task[None]] = set()

    def orders(
        self,
        *,
        show_id: str | None = None,
        state: OrderState | None = None,
        buyer_id: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Return orders under a header line, newest first; the filters are those of ``Orders.page``.

        Args:
            show_id: of this show only.
            state: in this state only.
            buyer_id: of this buyer only.
            limit: most orders; None for all.
            after: the ``next`` of a page.
        """
        return self._stream(_sql.orders_csv, show_id, state, buyer_id, after, limit)

    def lines(
        self,
        *,
        show_id: str | None = None,
        state: OrderState | None = None,
        sku: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Return the lines of orders under a header line, newest first; the filters are those of ``Lines.page``."""
        return self._stream(_sql.lines_csv, show_id, state, sku, after, limit)

    async def _stream(self, statement: str, *arguments: object) -> AsyncGenerator[bytes, None]:
        if len(self._copies) >= self._at_once:
            raise ExportsBusyError("other exports are under way; try again in a moment")
        copy = _Copy(self._postgres, self._most_s)
        task = asyncio.create_task(copy.run(statement, arguments), name="export")
        self._copies.add(task)
        task.add_done_callback(self._copied)
        task.add_done_callback(lambda _: copy.handover.end())
        line_ends = CrlfLines()
        try:
            while piece := await copy.handover.take():
                yield line_ends.convert(piece)
            await task
        finally:
            copy.leave(task)
            # Only this task waits for it: when it is cut off too, the copy still ends and frees its connection.
            await asyncio.wait((task,))

    def _copied(self, task: "asyncio.Task[None]") -> None:
        self._copies.discard(task)
        if not task.cancelled():
            task.exception()  # its reader may have left before it failed


class _Copy:
    """One COPY out of Postgres.

    Once it runs it is never cancelled, only refused: asyncpg 0.32 takes no notice of a cancellation that comes when a
    piece has just arrived, and the connection is lost. What its output raises it always takes for the end.
    """

    def __init__(self, postgres: Postgres, most_s: float) -> None:
        self.handover = Handover(EXPORT_AHEAD_BYTES)
        self._postgres = postgres
        self._most_s = most_s
        self._runs = False

    def leave(self, task: "asyncio.Task[None]") -> None:
        """End it: nobody reads it any more. ``task`` is the one that runs it."""
        self.handover.stop()
        if not self._runs:
            task.cancel()

    async def run(self, statement: str, arguments: tuple[object, ...]) -> None:
        """Hand over everything that the statement selects."""
        timer = asyncio.get_running_loop().call_later(self._most_s, self.handover.stop)
        try:
            async with self._postgres.connection() as connection, connection.transaction(readonly=True):
                # The timer sees to a slow reader; the server's own limit to a server that has nothing to hand over yet.
                most_ms = int(1_000 * self._most_s)
                await connection.fetchval(_sql.limit_statement, str(most_ms))
                self._runs = True
                # COPY takes no arguments: asyncpg has the server itself quote them into the statement.
                await connection.copy_from_query(
                    statement,
                    *arguments,
                    output=self.handover.put,
                    timeout=answer_within_s(most_ms),
                    format="csv",
                    header=True,
                )
        except HandoverStoppedError as error:
            raise self._too_slow() from error
        except UnavailableError as error:
            if isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise self._too_slow() from error
            raise
        finally:
            timer.cancel()

    def _too_slow(self) -> ExportTooSlowError:
        return ExportTooSlowError(f"the export was cut off after {self._most_s:g} seconds")
