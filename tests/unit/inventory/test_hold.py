from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.hold import DEADLINE_STEP_MS, LIVE, TRANSITIONS, Action, HoldRecord, deadline_ms
from inventory.holds import HoldStatus
from inventory.limits import HOLD_EXTENSIONS_MOST, HOLD_LIFE_MOST_TTLS
from tests.unit.inventory.a_book import START_MS, TTL_MS

STATUSES: tuple[HoldStatus, ...] = get_args(HoldStatus)
ACTIONS: tuple[Action, ...] = get_args(Action)


def a_record(state: HoldStatus) -> HoldRecord:
    return HoldRecord(
        hold_id="hold_x",
        buyer_id="ana",
        claim_id=None,
        quantity=1,
        asked=1,
        born_ms=START_MS,
        deadline_ms=START_MS + TTL_MS,
        status=state,
        ends=[] if state in LIVE else [state],
    )


ALLOWED = """
held:      extend submit give release expire void sell cancel drop
submitted: sell cancel drop
sold:
released:  sell
expired:   sell
"""


@pytest.mark.parametrize("state", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_allowed_in_the_states_of_the_table_and_changes_nothing_in_others(
    state: HoldStatus, action: Action
) -> None:
    [row] = [line.split(":")[1].split() for line in ALLOWED.strip().splitlines() if line.startswith(f"{state}:")]
    record = a_record(state)
    assert record.act(action, START_MS) == (action in row)
    assert record.status == TRANSITIONS.get((state, action), state)


@given(st.lists(st.sampled_from([one for one in ACTIONS if one not in {"sell", "drop"}])))
def test_a_hold_that_postgres_does_not_touch_ends_at_most_once(actions: list[Action]) -> None:
    record = a_record("held")
    for action in actions:
        record.act(action, START_MS)
    assert len(record.ends) <= 1
    assert record.is_live() == (not record.ends)


@given(st.integers(0, 2**48))
def test_a_deadline_is_the_next_multiple_of_its_step(at_ms: int) -> None:
    assert deadline_ms(at_ms) % DEADLINE_STEP_MS == 0
    assert at_ms <= deadline_ms(at_ms) < at_ms + DEADLINE_STEP_MS


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 90)), max_size=12))
def test_extensions_are_capped_in_count_and_in_total_and_never_shorten(wishes: list[tuple[int, int]]) -> None:
    record, now_ms = a_record("held"), START_MS
    for nth, after_ms in wishes:
        now_ms += after_ms
        before = record.deadline_ms
        counted = record.prolong(nth, TTL_MS, now_ms)
        assert record.deadline_ms >= before
        assert counted or record.deadline_ms == before
    assert record.extensions <= HOLD_EXTENSIONS_MOST
    assert record.deadline_ms < record.born_ms + HOLD_LIFE_MOST_TTLS * TTL_MS + DEADLINE_STEP_MS
