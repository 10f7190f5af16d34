"""Idempotency keys as Stripe keeps them: the first answer is repeated, also when it was a 500."""

from dataclasses import dataclass

from tests.fakes.stripe.failures import FakeStripeError

REPLAYED = {"idempotent-replayed": "true"}


@dataclass(frozen=True)
class Stored:
    status: int
    body: bytes


class Keys:
    """The keys of one account."""

    def __init__(self) -> None:
        self.replays = 0
        self._asked: dict[str, str] = {}
        self._stored: dict[str, Stored] = {}

    def begin(self, key: str, asked: str) -> Stored | None:
        """Return the stored answer; None when this is the first request with the key."""
        if key in self._asked:
            if self._asked[key] != asked:
                raise FakeStripeError(400, "idempotency_error", message="the key was used with other parameters")
            if key not in self._stored:
                raise FakeStripeError(409, "idempotency_error", code="idempotency_key_in_use")
            self.replays += 1
            return self._stored[key]
        self._asked[key] = asked
        return None

    def store(self, key: str, status: int, body: bytes) -> None:
        self._stored[key] = Stored(status, body)

    def give_up(self, key: str) -> None:
        """Nothing was done: the key is free again."""
        self._asked.pop(key, None)

    def forget(self) -> None:
        """A day later."""
        self._asked.clear()
        self._stored.clear()
