"""A batch that is refused as a whole for one level costs that level only."""

from collections.abc import Sequence

import pytest

from inventory.channels.channel import Answer, Level, Refused, Told
from inventory.channels.halves import MOST_CALLS, tell_in_halves


class Shop:
    """Refuses every call that has one of the bad items."""

    def __init__(self, *bad: int) -> None:
        self.bad = {str(item) for item in bad}
        self.calls = 0
        self.taken: set[str] = set()

    async def tell_once(self, levels: Sequence[Level]) -> list[Answer] | Refused:
        self.calls += 1
        items = {level.item_id for level in levels}
        if items & self.bad:
            return Refused(reason="bad", temporary=False)
        self.taken |= items
        return [Told()] * len(levels)


def levels(count: int) -> list[Level]:
    return [Level(sku=f"s{item}", item_id=str(item), quantity=1, version=1) for item in range(count)]


async def test_a_batch_that_is_taken_is_one_call() -> None:
    shop = Shop()
    assert await tell_in_halves(levels(100), shop.tell_once) == [Told()] * 100
    assert shop.calls == 1


@pytest.mark.parametrize("bad", [0, 37, 99])
async def test_one_bad_level_is_found_and_all_others_are_told(bad: int) -> None:
    shop = Shop(bad)
    answers = await tell_in_halves(levels(100), shop.tell_once)
    assert [answer for answer in answers if isinstance(answer, Refused)] == [answers[bad]]
    assert answers[bad] == Refused(reason="bad", temporary=False)
    assert len(shop.taken) == 99
    assert shop.calls <= MOST_CALLS


async def test_calls_are_bounded_and_the_rest_comes_back() -> None:
    shop = Shop(*range(100))
    answers = await tell_in_halves(levels(100), shop.tell_once)
    assert shop.calls == MOST_CALLS
    assert len(answers) == 100
    found = [answer for answer in answers if isinstance(answer, Refused) and not answer.temporary]
    assert found
    assert all(isinstance(answer, Refused) for answer in answers)


async def test_the_only_level_of_a_call_is_not_told_again() -> None:
    shop = Shop(0)
    assert await tell_in_halves(levels(1), shop.tell_once) == [Refused(reason="bad", temporary=False)]
    assert shop.calls == 1
