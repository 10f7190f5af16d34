"""Finding a Stripe payment by the idempotency key under which it was asked for.

Stripe cannot be asked by key, and the answer with the id may be what was lost. Repeating the request would find it,
but would also make the payment that never arrived. So the key stands in the payment's metadata, and is looked for:

1. in what this process remembers: polling a pending payment costs one call;
2. by Stripe's search, which is fast and complete, but up to an hour behind (``STRIPE_SEARCH_LAG_S``);
3. in the list of payments, which is never behind, as far back as the search may be, or as the order's making.

Only all three together may say that a request never arrived. A list too long to be read in the time of one call says
that nobody knows yet. A request that is asked for again after that carries the same key, so at Stripe it is the same
payment for 24 hours; later it is found by 2.
"""

from collections import OrderedDict

from ulid import ULID

from checkout.limits import (
    STRIPE_CLOCK_SKEW_S,
    STRIPE_KNOWN_PAYMENTS,
    STRIPE_LIST_MAX_PAGES,
    STRIPE_SEARCH_LAG_S,
)
from checkout.payments.provider import PaymentRefusedError, PaymentUnknownError
from checkout.payments.stripe_answers import Intent
from checkout.payments.stripe_calls_http import StripeCalls
from kit.clock import now_ms
from kit.ids import is_ulid


class PaymentFinder:
    """Finds payments of one account.

    Args:
        plain: the server has no search and a list without filter.
    """

    def __init__(self, calls: StripeCalls, *, plain: bool) -> None:
        self._calls = calls
        self._plain = plain
        self._known: OrderedDict[str, str] = OrderedDict()

    def remember(self, key: str | None, payment_id: str) -> None:
        """Keep the id of a payment; of many, the latest."""
        if key is None:
            return
        self._known[key] = payment_id
        self._known.move_to_end(key)
        if len(self._known) > STRIPE_KNOWN_PAYMENTS:
            self._known.popitem(last=False)

    async def find(self, key: str) -> Intent | None:
        """Return the payment as it is now; None when there is none.

        Raises:
            UnavailableError: Stripe does not answer, or not with certainty.
        """
        payment_id = self._known.get(key)
        is_searched = False
        if payment_id is None and not self._plain:
            payment_id, is_searched = await self._search(key)
        if payment_id is not None:
            self.remember(key, payment_id)
            return await self._calls.retrieve(payment_id)
        now_s = now_ms() // 1000
        since_s = made_after_s(key, now_s)
        if is_searched:
            since_s = max(since_s, now_s - STRIPE_SEARCH_LAG_S - STRIPE_CLOCK_SKEW_S)
        return await self._list(key, since_s)

    async def _search(self, key: str) -> tuple[str | None, bool]:
        """Return the id if it is found, and whether not finding it means anything."""
        try:
            hits = await self._calls.search(key)
        except PaymentRefusedError:
            return None, False  # accounts in India have no search
        return next((hit.id for hit in hits if hit.idempotency_key == key), None), True

    async def _list(self, key: str, since_s: int) -> Intent | None:
        after: str | None = None
        for _ in range(STRIPE_LIST_MAX_PAGES):
            page = await self._calls.list_page(since_s=None if self._plain else since_s, after=after)
            for intent in page.intents:
                self.remember(intent.idempotency_key, intent.id)
            found = next((intent for intent in page.intents if intent.idempotency_key == key), None)
            if found is not None or not page.has_more or not page.intents:
                return found
            after = page.intents[-1].id
        raise PaymentUnknownError("too many payments to find one among them now")


def made_after_s(key: str, now_s: int) -> int:
    """Return a time before which nothing was asked for under this key, in seconds since the epoch.

    Our keys end with the order's id, which tells when it was made. For others it is what Stripe keeps keys for.
    """
    made = key.rpartition("_")[2]
    if not is_ulid(made):
        return now_s - 86_400 - STRIPE_CLOCK_SKEW_S
    return ULID.from_str(made).milliseconds // 1000 - STRIPE_CLOCK_SKEW_S
