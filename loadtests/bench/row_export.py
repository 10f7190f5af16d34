"""The rows ``export`` and ``export-memory``: all orders as one CSV file over HTTP."""

import threading
from collections.abc import Sequence
from statistics import median

from loadtests.bench.bench import Bench
from loadtests.bench.export_http import Export, read_export
from loadtests.bench.fill_pg import fill_orders
from loadtests.bench.paid_limits import EXPORT_LEAST_PER_S, EXPORT_MOST_GROWTH_BYTES, EXPORT_ROUNDS, RSS_EVERY_S
from loadtests.bench.process_figures import rss_bytes
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.usage import API, Usage, usage_groups


class PeakMemory:
    """Watches the memory of processes from the beginning of a ``with`` block to its end.

    Args:
        pids: who is watched; they live as long as the block lasts.

    Attributes:
        growth: most bytes above the beginning that were seen.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self.growth = 0
        self._pids = pids
        self._before = rss_bytes(pids)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(RSS_EVERY_S):
            self.growth = max(self.growth, rss_bytes(self._pids) - self._before)


def row_export(bench: Bench) -> list[RowResult]:
    """Fill the table, then read all of it, and watch the API's memory meanwhile.

    Raises:
        LoadError: the table cannot be filled, or an export breaks off.
    """
    wanted = bench.sizes.exported_orders
    filled = fill_orders(bench.stand.database_url, wanted, bench.tell)
    groups = usage_groups([], None)
    exports: list[Export] = []
    usages: list[Usage] = []
    with PeakMemory(groups[API]) as memory:
        for _ in range(EXPORT_ROUNDS):
            usages.append(Usage(groups))
            exports.append(read_export(bench.stand.url, bench.stand.token))
            usages[-1].end(exports[-1].took_s)
    doubts = [f"{one.rows:,} orders came instead of {wanted:,}" for one in exports if one.rows != wanted]
    rate = median(one.rows / one.took_s for one in exports)
    details: dict[str, float | str] = {
        "seconds of each export": ", ".join(f"{one.took_s:.2f}" for one in exports),
        "first bytes, ms": round(1000 * median(one.first_s for one in exports), 1),
        "bytes of an export": exports[0].size,
        "others on this machine, the client too: share of a core": round(median(one.others for one in usages), 3),
    }
    details |= {f"{role}: share of a core": round(median(one.shares[role] for one in usages), 3) for role in groups}
    details |= {f"filling: {name}, s": round(took_s, 1) for name, took_s in filled.items()}
    return [
        RowResult(
            row="export",
            what=f"orders of a CSV export of {wanted:,} over HTTP",
            unit="/s",
            columns={OURS: rate},
            limit=f"≥ {EXPORT_LEAST_PER_S:,}/s",
            reached=rate >= EXPORT_LEAST_PER_S,
            doubts=doubts,
            details=details,
        ),
        RowResult(
            row="export-memory",
            what="the same: growth of the API's process",
            unit="MiB",
            columns={OURS: memory.growth / 1024**2},
            limit=f"≤ {EXPORT_MOST_GROWTH_BYTES // 1024**2} MiB",
            reached=memory.growth <= EXPORT_MOST_GROWTH_BYTES,
            doubts=doubts,
            details=details,
        ),
    ]
