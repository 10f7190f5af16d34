"""Batches of a Meta catalogue: told in one call, worked on later.

A batch is answered with a handle, and the handle with what became of the items. Items that are wrong at first sight are
named at once; what is known of them travels in the handle until the rest is known.
"""

from collections.abc import Sequence

import msgspec

from inventory.channels.channel import ChannelDownError, Pending
from inventory.channels.meta.answers import Outcome, outcome_in, taken_in
from inventory.channels.meta.calls_http import MetaCalls
from inventory.channels.meta.failures import TooMuchDataError

Entries = Sequence[tuple[str, dict[str, object]]]
"""Requests of a batch, each with the item id that it is about."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What Meta was given.

    Attributes:
        handles: to ask with; none when nothing was taken in.
        refused: reasons by item id, of items that were wrong at first sight.
    """

    handles: list[str]
    refused: dict[str, str]

    @property
    def pending(self) -> Pending:
        """The same as a handle of ours."""
        return Pending(handle=msgspec.json.encode(self).decode())


class MetaBatches:
    """The batches of one catalogue."""

    def __init__(self, calls: MetaCalls, catalog_id: str) -> None:
        self._calls = calls
        self._path = f"/{catalog_id}"

    async def begin(self, entries: Entries, *, upsert: bool) -> Work:
        """Give Meta a batch; ``upsert``: whether it makes items that it has not. Raises as ``MetaCalls.call``."""
        return await self._begin(entries, upsert=upsert, once_more=True)

    async def outcome(self, pending: Pending) -> Outcome | None:
        """Return what became of a batch; None while Meta works on it. Raises as ``MetaCalls.call``."""
        work = msgspec.json.decode(pending.handle, type=Work)
        refused, unnamed = dict(work.refused), 0
        for handle in work.handles:
            params = {"handle": handle, "load_ids_of_invalid_requests": "true"}
            body = await self._calls.call("GET", f"{self._path}/check_batch_request_status", params=params)
            outcome = outcome_in(body)
            if outcome is None:
                return None
            refused |= outcome.refused
            unnamed += outcome.unnamed
        return Outcome(refused=refused, unnamed=unnamed)

    async def _begin(self, entries: Entries, *, upsert: bool, once_more: bool) -> Work:
        """In halves when it is too much, and once more without the refused when nothing was taken in."""
        requests = [request for _, request in entries]
        body = msgspec.json.encode({"item_type": "PRODUCT_ITEM", "allow_upsert": upsert, "requests": requests})
        try:
            taken = taken_in(await self._calls.call("POST", f"{self._path}/items_batch", body=body))
        except TooMuchDataError:
            if len(entries) == 1:
                raise
            half = len(entries) // 2
            first = await self._begin(entries[:half], upsert=upsert, once_more=True)
            second = await self._begin(entries[half:], upsert=upsert, once_more=True)
            return Work(handles=first.handles + second.handles, refused=first.refused | second.refused)
        if taken.handle is not None:
            return Work(handles=[taken.handle], refused=taken.refused)
        left = [entry for entry in entries if entry[0] not in taken.refused]
        if left and (len(left) == len(entries) or not once_more):
            raise ChannelDownError("Meta took nothing in, and does not name all that is wrong")
        nothing = Work(handles=[], refused={})
        again = await self._begin(left, upsert=upsert, once_more=False) if left else nothing
        return Work(handles=again.handles, refused=taken.refused | again.refused)
