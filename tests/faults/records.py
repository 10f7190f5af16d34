"""What buyers wrote down of a trial: their claims, the answers, and what became of their holds. Times are ms."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from inventory.hold import DEADLINE_STEP_MS
from tests.faults.limits import HOLD_TTL_MS

HoldFate = Literal["live", "released", "expired"]


@dataclass
class HoldRecord:
    """A hold that a buyer was told of.

    Attributes:
        asked_ms: when its claim was sent for the first time.
        heard_ms: when the answer came.
        expires_at_ms: as the answer said.
        ended_ms: when the buyer heard of its end; None when they did not.
        fate: the end they heard of; an order has its own news.
        release_sent_ms: when they began to give it back.
        checkout_sent_ms: when they began to pay for it.
        refused: the code of the error that a checkout or a release ended with.
        refused_ms: when that error came.
        order_news: kinds of news of its order, such as ``order.confirmed``, and when each came first.
        order_id: of its order, once they were told of one.
        found_ms: when a roll call found it live.
        missing_ms: when a roll call, while it should have been live, did not find it.
    """

    hold_id: str
    buyer_id: str
    units: int
    asked_ms: int
    heard_ms: int
    expires_at_ms: int
    ended_ms: int | None = None
    fate: HoldFate = "live"
    release_sent_ms: int | None = None
    checkout_sent_ms: int | None = None
    refused: str | None = None
    refused_ms: int = 0
    order_news: dict[str, int] = field(default_factory=dict)
    order_id: str | None = None
    found_ms: int | None = None
    missing_ms: int | None = None

    @property
    def accepted_ms(self) -> int:
        """When the book accepted it, by its deadline: the answer may have been on its way while all stood still."""
        return min(self.heard_ms, max(self.asked_ms, self.expires_at_ms - HOLD_TTL_MS - DEADLINE_STEP_MS))

    def is_left_alone(self, now_ms: int) -> bool:
        """Tell whether it should be live at that moment, and nothing of it is on its way."""
        asked = self.release_sent_ms is not None or self.checkout_sent_ms is not None
        return not asked and self.ended_ms is None and self.expires_at_ms > now_ms


@dataclass(frozen=True)
class Refusal:
    """One answer to a claim that was no."""

    heard_ms: int
    reason: str


@dataclass
class Notes:
    """All that the buyers of one trial wrote down.

    Attributes:
        holds: by hold id.
        refusals: in the order in which they came.
        claims: how many different claims were made.
        asked: how often a claim was sent by a buyer; what the client repeats after a reconnect is not counted.
        slowest_answer_ms: the longest that a claim waited for its answer.
        slowest_answer_at_ms: when that claim was sent.
        gave_up: of buyers who left without having what they wanted, and were not told that all is sold: what they
            were doing, and how many there are.
        unanswered_ms: when requests about holds were sent that got no answer on a connection that stayed.
        clock_off_ms: the furthest that the server's time in a welcome was from the time of this machine.
        clients_ended: why clients ended although nobody had closed them.
    """

    holds: dict[str, HoldRecord] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    claims: int = 0
    asked: int = 0
    slowest_answer_ms: int = 0
    slowest_answer_at_ms: int = 0
    gave_up: Counter[str] = field(default_factory=Counter)
    unanswered_ms: list[int] = field(default_factory=list)
    clock_off_ms: int = 0
    clients_ended: list[str] = field(default_factory=list)

    def answered(self, sent_ms: int, heard_ms: int) -> None:
        """Note how long a claim waited."""
        if heard_ms - sent_ms > self.slowest_answer_ms:
            self.slowest_answer_ms, self.slowest_answer_at_ms = heard_ms - sent_ms, sent_ms

    def last_recovering_ms(self) -> int:
        """Return when a claim was answered `recovering` for the last time; 0 when none was."""
        return max((one.heard_ms for one in self.refusals if one.reason == "recovering"), default=0)

    def first_recovering_ms(self) -> int:
        """Return when a claim was answered `recovering` for the first time; 0 when none was."""
        return min((one.heard_ms for one in self.refusals if one.reason == "recovering"), default=0)
