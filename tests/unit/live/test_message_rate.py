from live.limits import VIEWER_MESSAGES_BURST, VIEWER_MESSAGES_PER_S
from live.message_rate import MessageRate


def allowed(rate: MessageRate, now: float) -> int:
    """Return how many messages the bucket gives at one moment."""
    count = 0
    while rate.allows(now):
        count += 1
    return count


def test_a_burst_is_allowed_once_and_then_the_rate() -> None:
    rate = MessageRate(100.0)
    assert allowed(rate, 100.0) == VIEWER_MESSAGES_BURST
    assert allowed(rate, 101.0) == VIEWER_MESSAGES_PER_S


def test_a_long_silence_saves_up_one_burst_and_no_more() -> None:
    rate = MessageRate(0.0)
    allowed(rate, 0.0)
    assert allowed(rate, 1_000_000.0) == VIEWER_MESSAGES_BURST
