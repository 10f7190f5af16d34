"""The catalogue of one channel: tell it products, and list its items when somebody asks to match them."""

import asyncio
from collections.abc import Sequence

import msgspec

from inventory.channels.backoff import backoff_ms
from inventory.channels.call_pace import CallPace
from inventory.channels.channel import Channel, ChannelDownError, Pending
from inventory.channels.figures import ChannelFigures
from inventory.channels.items_pg import ChannelItems
from inventory.channels.levels_pg import Levels
from inventory.channels.limits import (
    LIST_CALLS_PER_S,
    OUTCOME_FIRST_S,
    OUTCOME_MOST_S,
    OUTCOME_PAUSE_MOST_S,
    PRODUCTS_POLL_S,
    REFUSED_RETRY_MS,
)
from inventory.channels.links import Link
from inventory.channels.links_pg import Links
from inventory.channels.products_pg import ChannelProducts, DueProduct, ProductFailure
from inventory.channels.publishing import Lists, PublishAnswer, Published, Publishes, PublishesLater
from kit.clock import now_ms
from kit.log import logger
from kit.tasks import Wakeup

_log = logger("channels")


class _Asked(msgspec.Struct, kw_only=True):
    """A call that the channel still works on; times by the loop's clock, in seconds."""

    pending: Pending
    due: Sequence[DueProduct]
    ask_at: float
    pause_s: float
    give_up_at: float


class _Listing(msgspec.Struct, kw_only=True):
    """A way through the channel's items, page by page; ``wanted`` is what was asked for."""

    wanted: int
    began_ms: int
    after: str | None = None


class ProductsLoop:
    """The work on one channel's catalogue; one call at a time.

    Args:
        channel: owned by the caller, who closes it. It ``Publishes``, ``Lists``, or both.
        wakeup: set when there may be something to do.
    """

    def __init__(
        self,
        channel_id: str,
        channel: Channel,
        *,
        products: ChannelProducts,
        items: ChannelItems,
        links: Links,
        levels: Levels,
        figures: ChannelFigures,
        wakeup: Wakeup,
    ) -> None:
        self._channel_id = channel_id
        self._publishes = channel if isinstance(channel, Publishes) else None
        self._lists = channel if isinstance(channel, Lists) else None
        self._products = products
        self._items = items
        self._links = links
        self._levels = levels
        self._figures = figures
        self._wakeup = wakeup
        publishing = None if self._publishes is None else self._publishes.publishing
        self._pace = (
            CallPace(LIST_CALLS_PER_S)
            if publishing is None
            else CallPace(publishing.calls_per_s, at_once=publishing.calls_at_once)
        )
        self._clock = asyncio.get_running_loop().time
        self._asked: _Asked | None = None
        self._listing: _Listing | None = None

    async def step(self) -> None:
        """One round: one call at most, or a wait.

        Raises:
            ChannelGoneError: do not go on.
        """
        wait_s = self._pace.wait_s()
        if self._asked is not None:
            wait_s = max(wait_s, self._asked.ask_at - self._clock())
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, PRODUCTS_POLL_S))
        elif self._asked is not None:
            await self._ask(self._asked)
        elif not await self._publish_next() and not await self._list_next():
            await self._wakeup.wait(PRODUCTS_POLL_S)

    # --- products -------------------------------------------------------------------------------------------------

    async def _publish_next(self) -> bool:
        """Tell what is due, if anything is."""
        if self._publishes is None:
            return False
        due = await self._products.take_due(self._channel_id, self._publishes.publishing)
        if not due:
            return False
        self._pace.start()
        try:
            answers = await self._publishes.publish([one.product for one in due])
        except ChannelDownError as error:
            await self._down(due, error)
            return True
        self._answered()
        if isinstance(answers, Pending):
            now = self._clock()
            self._asked = _Asked(
                pending=answers,
                due=due,
                ask_at=now + OUTCOME_FIRST_S,
                pause_s=OUTCOME_FIRST_S,
                give_up_at=now + OUTCOME_MOST_S,
            )
        else:
            await self._write_back(due, answers)
        return True

    async def _ask(self, asked: _Asked) -> None:
        """Ask what came of a call; until that is known no other is made."""
        assert isinstance(self._publishes, PublishesLater), "a channel with handles"
        self._pace.start()
        try:
            answers = await self._publishes.published(asked.pending, [one.product for one in asked.due])
        except ChannelDownError as error:
            if self._clock() >= asked.give_up_at:
                self._asked = None
                await self._down(asked.due, error)
            else:
                asked.ask_at = self._clock() + self._pace.failed(error) / 1000
            return
        self._answered()
        if answers is not None:
            self._asked = None
            await self._write_back(asked.due, answers)
        elif self._clock() >= asked.give_up_at:
            self._asked = None
            late = ChannelDownError(f"the channel has not finished a call within {OUTCOME_MOST_S:.0f} s")
            await self._down(asked.due, late)
        else:
            asked.pause_s = min(asked.pause_s * 2, OUTCOME_PAUSE_MOST_S)
            asked.ask_at = self._clock() + asked.pause_s

    async def _write_back(self, due: Sequence[DueProduct], answers: Sequence[PublishAnswer]) -> None:
        taken: list[tuple[DueProduct, Published]] = []
        refused: list[ProductFailure] = []
        for one, answer in zip(due, answers, strict=True):
            if isinstance(answer, Published):
                taken.append((one, answer))
                continue
            delay_ms = backoff_ms(one.attempts + 1, 1.0) if answer.temporary else REFUSED_RETRY_MS
            refused.append(ProductFailure(product_id=one.product.product_id, reason=answer.reason, delay_ms=delay_ms))
        # First what the product is called over there: were that lost, the next telling would look for it again.
        await self._products.listed(self._channel_id, taken)
        await self._link(taken)
        await self._products.told(self._channel_id, [one for one, _ in taken])
        # Most channels set quantities with the product, and what was sold meanwhile was told before.
        skus = [variant.sku for due, _ in taken for variant in due.product.variants]
        await self._levels.tell_anew(self._channel_id, skus)
        if refused:
            await self._products.failed(self._channel_id, refused)

    async def _link(self, taken: Sequence[tuple[DueProduct, Published]]) -> None:
        """Link what is not linked yet, before the product counts as told: a worker that dies here tells it again."""
        links = [
            (variant.sku, published.items[variant.sku])
            for due, published in taken
            for variant in due.product.variants
            if published.items.get(variant.sku, variant.item_id) != variant.item_id
        ]
        if not links:
            return
        numbered = [Link(line=line, sku=sku, item_id=item_id) for line, (sku, item_id) in enumerate(links, start=1)]
        linked = await self._links.link(self._channel_id, numbered)
        for left_out in linked.left_out:
            _log.warning("item_not_linked", channel_id=self._channel_id, why=left_out.reason)

    # --- items ----------------------------------------------------------------------------------------------------

    async def _list_next(self) -> bool:
        """Read the next page of the channel's items, if somebody asked for them."""
        if self._lists is None:
            return False
        if self._listing is None:
            wanted = await self._items.match_wanted(self._channel_id)
            if wanted is None:
                return False
            self._listing = _Listing(wanted=wanted, began_ms=now_ms())
        listing = self._listing
        self._pace.start()
        try:
            page = await self._lists.items(after=listing.after)
        except ChannelDownError as error:
            # From the start: a place in a list may have been lost together with the answer.
            self._listing = None
            await self._down((), error)
            return True
        self._answered()
        await self._items.put(self._channel_id, page.items)
        listing.after = page.next
        if page.next is None:
            self._listing = None
            linked = await self._items.matched(self._channel_id, listing.wanted, since_ms=listing.began_ms)
            _log.info("items_matched", channel_id=self._channel_id, linked=linked.linked)
        return True

    def _answered(self) -> None:
        self._pace.went_well()
        self._figures.called(self._channel_id, "products")

    async def _down(self, due: Sequence[DueProduct], error: ChannelDownError) -> None:
        delay_ms = self._pace.failed(error)
        self._figures.called(self._channel_id, "failed")
        _log.warning("channel_down", channel_id=self._channel_id, error=error.message, retry_in_ms=delay_ms)
        failures = [
            ProductFailure(product_id=one.product.product_id, reason=error.message, delay_ms=delay_ms) for one in due
        ]
        if failures:
            await self._products.failed(self._channel_id, failures)
