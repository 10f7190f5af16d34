"""Webhook endpoints and deliveries: what they are and the rules about them, pure.

A delivery's life::

    pending ─> delivered      any 2xx
       │  └─> failed          its tries are used up, or the endpoint is gone
       └─ tried again later, with the same body and the same id
    delivered, failed ─> pending    somebody asked for a replay
"""

import hashlib
from collections.abc import Sequence
from typing import Final, Literal, get_args

import msgspec

from checkout.webhooks.limits import (
    DESCRIPTION_CHARS,
    JITTER,
    RETRY_AFTER_MOST_MS,
    RETRY_WAITS_MS,
    SECRET_OVERLAP_S,
    URL_CHARS,
)
from kit.errors import InvalidError
from kit.public_addresses import checked_url

EventKind = Literal[
    "order.submitted",
    "order.confirmed",
    "order.captured",
    "order.declined",
    "order.cancelled",
    "order.refunded",
    "order.unfulfillable",
]
EventChoice = Literal["*", EventKind]
KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)

DeliveryState = Literal["pending", "delivered", "failed"]
DisabledReason = Literal["gone", "failing"]
ErrorWord = Literal["timeout", "no_address", "private_address", "tls", "no_answer", "redirect", "status", "gone"]

GONE: Final = 410
BUSY: Final = frozenset({429, 502, 503, 504})
"""Statuses whose ``Retry-After`` is respected."""


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as staff see it, without its secret.

    Attributes:
        events: the kinds it wants, or ``*`` alone.
        disabled_reason: ``gone``: it answered 410; ``failing``: it took nothing for five days.
        failing_since_ms: its first failure since it last took something; None when the last call went well.
    """

    endpoint_id: str
    url: str
    events: list[EventChoice]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since_ms: int | None
    created_at_ms: int


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint.

    Attributes:
        message_id: the header ``webhook-id``.
        tries: how often it was sent.
        next_at_ms: when it is sent (again); None when it has ended.
        last_status: of the last answer; None when there was none.
        last_error: one word for what went wrong with the last try.
    """

    delivery_id: str
    endpoint_id: str
    event_id: str
    message_id: str
    event: EventKind
    state: DeliveryState
    tries: int
    next_at_ms: int | None
    last_status: int | None
    last_error: str | None
    created_at_ms: int


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One try. A number that is missing belongs to a try that was cut off on our side.

    Attributes:
        status: of the answer; None when there was none.
        error: one word for what went wrong; None when it arrived.
        response: the first 1,000 bytes of the answer.
    """

    number: int
    started_at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    response: str


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was taken to be sent.

    Attributes:
        attempts: this try's number in the schedule, from 1.
        take: this try's number ever; names it in the log.
        salts: of the secrets that sign, the present one first.
        room: calls that its endpoint had room for when this was taken.
    """

    delivery_id: str
    endpoint_id: str
    url: str
    message_id: str
    body: str
    attempts: int
    take: int
    salts: tuple[bytes, ...]
    room: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a try ended.

    Attributes:
        error: None when the endpoint took it.
        retry_after_ms: what the endpoint asked for, if it did.
    """

    started_at_ms: int
    duration_ms: int
    status: int | None = None
    error: ErrorWord | None = None
    response: str = ""
    retry_after_ms: int | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a try: the delivery's state, and the wait before the next one if it is still pending."""

    state: DeliveryState
    wait_ms: int = 0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was tried, how that ended, and what follows."""

    due: Due
    outcome: Outcome
    step: Step


def wants(events: Sequence[str], kind: str) -> bool:
    """Tell whether an endpoint with these subscriptions wants news of a kind; what is for buyers only, none does."""
    return kind in KINDS and ("*" in events or kind in events)


def checked_events(events: Sequence[EventChoice]) -> list[EventChoice]:
    """Return the subscriptions, each once.

    Raises:
        InvalidError: there are none, or ``*`` is not alone.
    """
    unique = list(dict.fromkeys(events))
    if not unique or ("*" in unique and len(unique) > 1):
        raise InvalidError("events must name kinds of events, or be '*' alone", field="events")
    return unique


def checked_address(url: str, *, allow_http: bool) -> str:
    """Return an address when calls can be sent to one of its form; where its host is, is judged at every call.

    Raises:
        InvalidError: ``invalid_url`` - it is too long, not https, or has a user name, password or fragment.
    """
    checked_url(url, most_chars=URL_CHARS)
    if not allow_http and not url.startswith("https://"):
        raise InvalidError("url must start with https://", field="url", code="invalid_url")
    return url


def checked_description(text: str) -> str:
    """Return what staff wrote about an endpoint.

    Raises:
        InvalidError: it is too long, or holds control characters.
    """
    if len(text) > DESCRIPTION_CHARS or not text.isprintable():
        raise InvalidError(f"description must be at most {DESCRIPTION_CHARS} printable characters", field="description")
    return text


def checked_overlap_s(overlap_s: int) -> int:
    """Return how long an old secret goes on signing, in seconds.

    Raises:
        InvalidError: it is negative, or more than ``SECRET_OVERLAP_S``.
    """
    if not 0 <= overlap_s <= SECRET_OVERLAP_S:
        raise InvalidError(f"overlap_s must be 0 to {SECRET_OVERLAP_S}", field="overlap_s")
    return overlap_s


def event_id_of(event_key: str) -> str:
    """Return the id of an event, the same at every endpoint and every time it is worked out."""
    return f"evt_{_digest(event_key)}"


def message_id_of(event_id: str, endpoint_id: str) -> str:
    """Return the ``webhook-id`` of an event at an endpoint: the same at every try."""
    return f"msg_{_digest(f'{event_id}:{endpoint_id}')}"


def wait_after_ms(attempts: int, chance: float) -> int | None:
    """Return the wait after ``attempts`` tries, in milliseconds; None when there is no further one.

    Args:
        attempts: tries so far; 0 before the first.
        chance: 0.0 to 1.0.
    """
    if attempts >= len(RETRY_WAITS_MS):
        return None
    return round(RETRY_WAITS_MS[attempts] * (1 + JITTER * chance))


def next_step(outcome: Outcome, attempts: int, chance: float) -> Step:
    """Return what becomes of a delivery after its try number ``attempts``.

    What a busy endpoint asked for is the least wait, up to ``RETRY_AFTER_MOST_MS``.
    """
    if outcome.error is None:
        return Step(state="delivered")
    wait_ms = wait_after_ms(attempts, chance)
    if wait_ms is None or outcome.error == "gone":
        return Step(state="failed")
    asked_ms = min(outcome.retry_after_ms or 0, RETRY_AFTER_MOST_MS) if outcome.status in BUSY else 0
    return Step(state="pending", wait_ms=max(wait_ms, asked_ms))


def error_of_status(status: int) -> ErrorWord | None:
    """Return what an answer's status says; None for any 2xx."""
    if 200 <= status < 300:
        return None
    if status == GONE:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
