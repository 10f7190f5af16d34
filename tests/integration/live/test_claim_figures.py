"""Claims as metrics: by answer, whatever becomes of the report that is written from the same counts."""

from redis.asyncio import Redis

from inventory.draws_pg import Draws
from inventory.holds import Accepted, ClaimRequest
from kit.ids import new_id, new_ulid
from kit.metrics import new_registry, read_at_scrape
from kit.postgres import Postgres
from kit.traces import ROOT
from live.claim_desk import ClaimDesk
from live.roles.stores import Stores
from tests.integration.checkout.test_checkout_figures import Told
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_claim_desk import answer_of
from tests.integration.live.test_stage import a_show, a_stage, terms


async def test_claims_are_counted_once_whether_or_not_the_report_could_be_written(stores: Stores) -> None:
    desk, registry = ClaimDesk(stores.holds, Draws(stores.postgres), stores.offers), new_registry()
    read_at_scrape(registry, desk.collect)

    def figure(result: str, reason: str = "") -> float | None:
        return registry.get_sample_value("showdrop_claims_total", {"result": result, "reason": reason})

    assert (figure("accepted"), figure("refused", "sold_out"), figure("entered")) == (0, 0, 0)
    desk.count("show_1", "accepted", 3)
    desk.count("show_2", "accepted")
    desk.count("show_1", "sold_out", 7)
    assert (figure("accepted"), figure("refused", "sold_out")) == (4, 7)
    counts = desk.take_counts()
    assert (figure("accepted"), figure("refused", "sold_out")) == (4, 7)
    desk.take_back(counts)
    desk.count("show_1", "accepted")
    assert (figure("accepted"), figure("refused", "sold_out")) == (5, 7)
    assert desk.take_counts() == {("show_1", "accepted"): 4, ("show_2", "accepted"): 1, ("show_1", "sold_out"): 7}


async def test_an_accepted_claim_begins_a_trace_and_its_call_is_measured(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    stage, told, registry = a_stage(postgres, redis), Told(), new_registry()
    show_id = await a_show(stage)
    offer = await stage.open_offer(show_id, terms(await a_sku(postgres, 1), 1), offer_id=new_id("offer"))
    desk = ClaimDesk(stores.holds, Draws(stores.postgres), stores.offers, traces=told)
    read_at_scrape(registry, desk.collect)
    answers = [
        await answer_of(desk, ClaimRequest(pool_id=offer.offer_id, claim_id=new_ulid(), buyer_id=buyer_id, quantity=1))
        for buyer_id in ("ana", "ben")
    ]
    accepted = answers[0]
    assert isinstance(accepted, Accepted)
    assert told.spans == [(ROOT, accepted.hold_id, {"show_id": show_id, "offer_id": offer.offer_id})]
    assert registry.get_sample_value("showdrop_claim_call_seconds_count") == 2
    assert registry.get_sample_value("showdrop_batch_size_sum", {"role": "gateway", "batch": "claims"}) == 2
    assert registry.get_sample_value("showdrop_claims_waiting") == 0
