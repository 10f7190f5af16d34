"""Looks at what Redis and Postgres keep after the warm-up of a soak and at its end, and shows what grew."""

import threading

from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.errors import LoadError
from loadtests.names import POSTGRES, REDIS
from loadtests.stored import Growth, Kept, growths
from loadtests.stored_pg import kept_in_postgres
from loadtests.stored_redis import kept_in_redis


class StoredWatch:
    """Looks twice.

    Args:
        stores: addresses of Redis and Postgres.
        warm_up_s: after which it looks first.
    """

    def __init__(self, stores: tuple[str, str], warm_up_s: float) -> None:
        self._stores = stores
        self._before: dict[str, dict[str, Kept]] = {}
        self._missed: LoadError | None = None  # why there was no first look
        self._timer = threading.Timer(warm_up_s, self._look_first)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Do not look, or wait until the first look is over."""
        self._timer.cancel()
        self._timer.join()

    def end(self) -> list[Growth]:
        """Look again, and return what changed; nothing when it ended before the first look.

        Raises:
            LoadError: one of the two looks failed.
        """
        self.stop()
        if self._missed is not None:
            raise self._missed
        if not self._before:
            return []
        after = self._look()
        return [one for store in (REDIS, POSTGRES) for one in growths(store, self._before[store], after[store])]

    def _look_first(self) -> None:
        try:
            self._before = self._look()
        except LoadError as error:
            self._missed = error

    def _look(self) -> dict[str, dict[str, Kept]]:
        redis_url, database_url = self._stores
        return {REDIS: kept_in_redis(redis_url), POSTGRES: kept_in_postgres(database_url)}


def print_growth(found: list[Growth], console: Console) -> None:
    """Print what grew, the most bytes first."""
    table = Table(box=box.SIMPLE, title="What Redis and Postgres keep, after the warm-up and at the end")
    table.add_column("store")
    table.add_column("kind", overflow="fold")
    for name in ("count", "then", "KiB", "then"):
        table.add_column(name, justify="right")
    for one in found:
        before, after = one.before, one.after
        kib = [f"{kept.size_bytes / 1024:,.0f}" for kept in (before, after)]
        table.add_row(one.store, one.kind, f"{before.count:,}", f"{after.count:,}", *kib)
    console.print(table)
