"""Made-up shows, offers and events for property tests."""

from hypothesis import strategies as st

from kit.money import Money
from live import wire

offer_ids = st.sampled_from([f"offer_{n}" for n in range(4)])


@st.composite
def cards(draw: st.DrawFn) -> wire.OfferCard:
    """An offer's card."""
    return wire.OfferCard(
        offer_id=draw(offer_ids),
        sku="MUG",
        product_id="prod_1",
        title=draw(st.text(max_size=5)),
        price=Money(draw(st.integers(0, 10**6)), "EUR"),
        quantity=draw(st.integers(1, 100)),
        per_buyer_limit=1,
        starts_at_ms=0,
        ends_at_ms=draw(st.integers(0, 2**50)),
        hold_ttl_ms=5_000,
    )


products = st.lists(
    st.builds(
        wire.ProductCard,
        product_id=st.sampled_from(["prod_1", "prod_2"]),
        title=st.text(max_size=5),
        image=st.none() | st.just("https://img.example/1"),
        variants=st.just([]),
    ),
    max_size=3,
)
seqs = st.integers(1, 2**53)
times = st.integers(0, 2**53)
events: st.SearchStrategy[wire.LogEvents] = st.one_of(
    st.builds(wire.ShowStarted, seq=seqs, at_ms=times),
    st.builds(wire.ShowPaused, seq=seqs, at_ms=times),
    st.builds(wire.ShowResumed, seq=seqs, at_ms=times),
    st.builds(wire.ShowEnded, seq=seqs, at_ms=times),
    st.builds(wire.ProductSpotlight, seq=seqs, products=products),
    st.builds(wire.OfferScheduled, seq=seqs, offer=cards()),
    st.builds(wire.OfferOpened, seq=seqs, offer=cards()),
    st.builds(wire.OfferExtended, seq=seqs, offer=cards()),
    st.builds(wire.OfferEnded, seq=seqs, offer=cards(), reason=st.none() | st.just("time")),
    st.builds(wire.OfferVoided, seq=seqs, offer=cards(), reason=st.text(max_size=5)),
    st.builds(wire.OfferDrawn, seq=seqs, offer=cards(), seed=st.text(min_size=1, max_size=5), entries=st.just(3)),
)


def empty_snapshot() -> wire.Snapshot:
    """A show before anything happened."""
    show = wire.ShowCard(show_id="show_1", title="Show", currency="EUR", state="scheduled")
    return wire.Snapshot(show=show, spotlight=[], offers=[])
