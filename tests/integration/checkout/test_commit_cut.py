"""A connection that is lost at COMMIT: nobody knows whether it was committed, and asking again gives the same order."""

from collections.abc import AsyncIterator

import pytest

from checkout.submit import CheckoutRequest, Submitter
from kit.errors import UnavailableError
from kit.postgres import Postgres
from tests.faults.cutting_proxy import CUTS, Cut, CuttingProxy, End
from tests.integration.checkout.checkout_shop import Shop, Worker

MOODS = ("pm_test_ok", "pm_test_ok", "pm_test_no_auth", "pm_test_declined")
UNITS = 2


class Scissors:
    """Cuts at the n-th end of a transaction, once.

    Args:
        at: counted from one; None never cuts.
        only: the kind of ends that count; None for both.
    """

    def __init__(self, cut: Cut, at: int | None, only: End | None = None) -> None:
        self.ends = 0
        self._cut = cut
        self._at = at
        self._only = only

    def choose(self, end: End) -> Cut | None:
        """Say whether to cut here."""
        if self._only not in (None, end):
            return None
        self.ends += 1
        return self._cut if self.ends == self._at else None

    @property
    def did_cut(self) -> bool:
        """Whether it came that far."""
        return self._at is not None and self.ends >= self._at


@pytest.fixture
async def proxy(shop: Shop) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(shop.database_url) as proxy:
        yield proxy


@pytest.fixture
async def cut_shop(shop: Shop, proxy: CuttingProxy) -> AsyncIterator[Shop]:
    """The same shop by way of the proxy: its orders, its worker and its bank lose their connections."""
    postgres = await Postgres.connect(proxy.url, max_size=4)
    cut_shop = Shop(postgres, proxy.url)
    cut_shop.holds, cut_shop.told = shop.holds, shop.told
    yield cut_shop
    await cut_shop.bank.close()
    await postgres.close()


@pytest.mark.parametrize("cut", CUTS)
async def test_a_checkout_cut_at_its_commit_is_one_order_when_it_is_repeated(
    shop: Shop, cut_shop: Shop, proxy: CuttingProxy, cut: Cut
) -> None:
    terms = await shop.pool(1)
    hold = shop.holds.put(terms.pool_id, "ana")
    request = CheckoutRequest(hold_id=hold.hold_id, buyer_id="ana", terms=terms, payment_method="pm_test_ok")
    submitter = Submitter(shop.holds, cut_shop.orders, cut_shop.providers)
    proxy.choose = Scissors(cut, 1, "commit").choose
    with pytest.raises(UnavailableError):
        await submitter.submit(request)
    written = await shop.orders.by_hold(hold.hold_id)
    if cut != "at_once":
        assert (written is not None) == (cut == "after"), "the proxy does what it says"

    order = await submitter.submit(request)
    again = await submitter.submit(request)
    assert order == again or order.order_id == again.order_id
    assert written is None or order.order_id == written.order_id
    assert await shop.value("SELECT count(*) FROM orders") == 1

    await shop.finish()
    assert (await submitter.submit(request)).order_id == order.order_id
    assert await shop.state(order) == "captured"
    await shop.check_quiet(terms)
    await submitter.close()


@pytest.mark.parametrize("cut", CUTS)
async def test_a_settlement_cut_at_its_commit_settles_each_order_once_and_settling_again_changes_nothing(
    shop: Shop, cut_shop: Shop, proxy: CuttingProxy, cut: Cut
) -> None:
    terms = await shop.pool(2)
    await shop.submitted(terms, count=3)
    await Worker(shop).authorise()
    proxy.choose = Scissors(cut, 1, "commit").choose
    worker = Worker(cut_shop)
    with pytest.raises(UnavailableError):
        await worker.settle()

    while await worker.settle():
        pass
    assert await shop.states(terms) == {"confirmed": 2, "unfulfillable": 1}
    settled = await facts(shop)
    assert await worker.settle() == 0
    assert await Worker(shop).settle() == 0
    assert await facts(shop) == settled
    assert await shop.value("SELECT sold FROM pools") == 2
    assert await shop.value("SELECT count(*) FROM movements WHERE kind = 'sale'") == 2
    assert await shop.value("SELECT count(*) FROM outbox") == 3
    await shop.finish()
    await shop.check_quiet(terms)


async def facts(shop: Shop) -> list[dict[str, object]]:
    """Return all that a settlement writes."""
    return await shop.fetch(
        "SELECT orders.order_id, orders.state, hold_outcome, updated_at_ms, sold, movement_key, outbox_id FROM orders"
        " JOIN pools USING (pool_id) LEFT JOIN movements USING (order_id) LEFT JOIN outbox USING (order_id)"
        " ORDER BY order_id, outbox_id"
    )


async def _cut_at(shop: Shop, cut_shop: Shop, proxy: CuttingProxy, cut: Cut, end: int) -> bool:
    """Run a worker that is cut at this end of a transaction, then others that finish; tell whether it came so far."""
    terms = await shop.pool(UNITS, show_id=f"show_{end}")
    for mood in MOODS:
        await shop.submitted(terms, mood)
    scissors = Scissors(cut, end)
    proxy.choose = scissors.choose
    for _ in range(2):
        try:
            await Worker(cut_shop).run()
        except UnavailableError:
            assert scissors.did_cut
    proxy.choose = Scissors(cut, None).choose
    await shop.finish()
    states = await shop.states(terms)
    assert (states.get("captured"), states["declined"], states["unfulfillable"]) == (UNITS, 1, 1), (cut, end)
    await shop.check_quiet(terms)
    return scissors.did_cut


@pytest.mark.timeout(240)
@pytest.mark.parametrize("cut", CUTS)
async def test_a_worker_cut_at_any_end_of_a_transaction_pays_nothing_twice_and_loses_nothing(
    shop: Shop, cut_shop: Shop, proxy: CuttingProxy, cut: Cut
) -> None:
    end = 1
    while await _cut_at(shop, cut_shop, proxy, cut, end):
        end += 1
    assert end > 20, "every stage has ended transactions"
    assert proxy.cuts[cut] == end - 1
