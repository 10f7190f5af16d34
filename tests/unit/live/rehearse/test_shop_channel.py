import pytest
from msgspec.structs import replace

from live.rehearse.limits import CHANNELS_FAILING_S, CHANNELS_LINKING_S, CHANNELS_SETTLE_S
from live.rehearse.shop_channel import ShopChannel

STEADY = ShopChannel(
    channel_id="chan_1",
    kind="kakao",
    name="Talk Store",
    state="active",
    lag_ms=0,
    behind=0,
    unlinked=0,
    last_error=None,
)

BEHIND = replace(STEADY, lag_ms=60_000, behind=3)


@pytest.mark.parametrize(
    ("channel", "for_s"),
    [
        (STEADY, 0.0),
        (replace(STEADY, last_error="the channel answered 500"), 0.0),
        (BEHIND, CHANNELS_SETTLE_S),
        # What it was not told yet has changed since the waiting began.
        (replace(BEHIND, lag_ms=4_000), 4.01),
        # What fails may come right soon, and may be dead for days.
        (replace(BEHIND, last_error="there is no such item"), CHANNELS_FAILING_S),
        # A SKU that is never linked must not hold up every rehearsal.
        (replace(STEADY, unlinked=3), CHANNELS_LINKING_S),
        (replace(BEHIND, unlinked=3), CHANNELS_SETTLE_S),
        (replace(BEHIND, state="paused"), 0.0),
        # Nobody listens there any more, and it is removed in a moment.
        (replace(BEHIND, kind="webhook", name="rehearsal"), 0.0),
    ],
)
def test_a_channel_is_awaited_as_long_as_it_may_come_into_step(channel: ShopChannel, for_s: float) -> None:
    assert not channel.is_awaited(for_s)
    assert for_s == 0.0 or channel.is_awaited(for_s - 0.01)
