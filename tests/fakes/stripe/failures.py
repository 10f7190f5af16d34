"""What the fake refuses, in Stripe's words."""

import msgspec


class FakeStripeError(Exception):
    """An error answer.

    Attributes:
        is_stored: it came from doing what was asked for, so its idempotency key keeps it.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        *,
        code: str | None = None,
        param: str | None = None,
        message: str = "refused",
        is_stored: bool = False,
        **more: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_stored = is_stored
        told = {"type": kind, "code": code, "param": param, "message": message, **more}
        self.body = msgspec.json.encode({"error": {name: value for name, value in told.items() if value is not None}})


def refused(code: str, message: str = "refused") -> FakeStripeError:
    """A request that was understood, tried and refused."""
    return FakeStripeError(400, "invalid_request_error", code=code, message=message, is_stored=True)
