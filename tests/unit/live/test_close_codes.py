import pytest

from live.close_codes import CloseCode, may_reconnect

STAY_AWAY = {
    CloseCode.BAD_TOKEN,
    CloseCode.BAD_MESSAGE,
    CloseCode.FORBIDDEN,
    CloseCode.UNKNOWN_SHOW,
    CloseCode.REPLACED,
}


@pytest.mark.parametrize("code", CloseCode)
def test_the_range_says_whether_to_come_back(code: CloseCode) -> None:
    assert may_reconnect(code) == (code not in STAY_AWAY)


def test_the_edges_of_the_ranges() -> None:
    assert [may_reconnect(code) for code in (1006, 1012, 3999, 4000, 4499, 4500, 4999)] == [True] * 5 + [False] * 2
