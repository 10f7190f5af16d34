"""The server's clock from outside."""

from loadtests.server_time import ServerTime


def test_the_quickest_answer_tells_best_how_far_the_server_is_ahead() -> None:
    clock = ServerTime()
    clock.sample(asked_ms=1_000, answered_ms=1_400, server_ms=6_350)
    assert clock.ahead_ms == 5_150
    clock.sample(asked_ms=2_000, answered_ms=2_002, server_ms=7_001)
    assert clock.ahead_ms == 5_000
    clock.sample(asked_ms=3_000, answered_ms=3_100, server_ms=8_090)
    assert clock.ahead_ms == 5_000
