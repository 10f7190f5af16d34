"""The fake bank's counter, beside Stripe's API and for the same key: what buyers do, and what a verifier may see.

``GET /counter/payments``                    every payment as it is
``GET /counter/webhooks``                    what became of the webhooks, and of calls that went wrong
``POST /counter/payments/{id}/{deed}``       the buyer ``pays``, ``fails`` or ``thinks``; 409 when it is too late for it
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.stripe.account import Account, Payment
from tests.fakes.stripe.failures import FakeStripeError
from tests.fakes.stripe.postman import Postman
from tests.fakes.stripe.server import FakeStripe

WAITING = {"requires_action", "processing"}


class Counter:
    """Its ``routes`` go into ``FakeStripe.more_routes``."""

    def __init__(self, fake: FakeStripe, postman: Postman) -> None:
        self._fake = fake
        self._postman = postman

    def routes(self) -> list[Route]:
        payments = "/counter/payments"
        return [
            Route(payments, self._checked(self._payments), methods=["GET"]),
            Route("/counter/webhooks", self._checked(self._webhooks), methods=["GET"]),
            Route(f"{payments}/{{id}}/{{deed}}", self._checked(self._deed), methods=["POST"]),
        ]

    def _checked(self, handle: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self._fake.check_key(request)
                return handle(request)
            except FakeStripeError as failure:
                return Response(failure.body, status_code=failure.status)

        return endpoint

    def _payments(self, _: Request) -> Response:
        return _json({"payments": [_seen(one) for one in self._fake.account.payments.values()]})

    def _webhooks(self, _: Request) -> Response:
        postman = self._postman
        told = {
            "events": postman.events,
            "delivered": postman.delivered,
            "duplicates": postman.duplicates,
            "lost": postman.lost,
            "refused": postman.refused,
            "waiting": postman.waiting + len(self._fake.account.events),
            "answers_lost": self._fake.answers_lost,
            "too_many": self._fake.refused_as_too_many,
        }
        return _json(told)

    def _deed(self, request: Request) -> Response:
        account, deed = self._fake.account, request.path_params["deed"]
        payment = account.get(request.path_params["id"])
        if deed not in {"pays", "fails", "thinks"}:
            return Response(status_code=404)
        if payment.status not in WAITING:
            return Response(status_code=409)
        _do(account, payment, deed)
        return _json(_seen(payment))


def _do(account: Account, payment: Payment, deed: str) -> None:
    match deed:
        case "pays":
            account.buyer_pays(payment.id)
        case "fails":
            account.buyer_fails(payment.id)
        case _:
            account.bank_thinks(payment.id)


def _seen(payment: Payment) -> dict[str, object]:
    return {
        "payment_id": payment.id,
        "order_id": payment.metadata.get("order_id", ""),
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "captured": payment.received,
        "refunded": payment.refunded,
    }


def _json(told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")
