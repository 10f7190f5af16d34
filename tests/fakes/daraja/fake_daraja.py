"""A stateful Daraja on loopback: it checks every field, signs nothing, and can be told to misbehave."""

import base64
import re
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.daraja import bodies
from tests.fakes.daraja.ledger import Ledger, Posting, Prompt, Transaction

PUSH: Final = "/mpesa/stkpush/v1/processrequest"
QUERY: Final = "/mpesa/stkpushquery/v1/query"
REVERSE: Final = "/mpesa/reversal/v1/request"
LOOK_UP: Final = "/mpesa/transactionstatus/v1/query"

Fault = Literal["lose", "break", "busy", "locked", "forbid"]
"""Lose the answer after applying; answer 500 without applying; 429; a subscriber that is locked; 400."""

_PHONE = re.compile(r"254[71][0-9]{8}")
_Handler = Callable[[dict[str, Any]], dict[str, object]]


class Refused(Exception):  # noqa: N818 - an answer, not an error of the tests
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class FakeDaraja:
    """One account at the fake. ``ledger`` is what it did; ``calls`` counts what it was asked, by path."""

    consumer_key = "the-consumer-key"
    consumer_secret = "the-consumer-secret"
    shortcode = "174379"
    passkey = "the-passkey"
    initiator = "api-operator"
    security_credential = "the-security-credential"

    def __init__(self) -> None:
        self.ledger = Ledger(self.shortcode)
        self.calls: defaultdict[str, int] = defaultdict(int)
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.on_push: Callable[[Prompt], Awaitable[None]] | None = None
        self.token_lives_s: float = 3_599
        self.codes_as_text = False
        self.reversal_code: int | str = 0
        self.url = ""
        self._tokens: dict[str, float] = {}

    @property
    def app(self) -> Starlette:
        handlers: dict[str, _Handler] = {
            PUSH: self._push,
            QUERY: self._query,
            REVERSE: self._reverse,
            LOOK_UP: self._look_up,
        }
        routes = [Route(path, self._endpoint(path, handlers[path]), methods=["POST"]) for path in handlers]
        return Starlette(routes=[Route("/oauth/v1/generate", self._token), *routes])

    # --- what a test makes happen ---

    @property
    def prompt(self) -> Prompt:
        """The only prompt there is."""
        (prompt,) = self.ledger.prompts.values()
        return prompt

    def fail_next(self, path: str, *faults: Fault) -> None:
        self.faults[path].extend(faults)

    def end_tokens(self) -> None:
        """Every access token ends now, before its time."""
        self._tokens.clear()

    async def call_back(
        self, prompt: Prompt, *, times: int = 1, shillings: float | None = None, receipt: str = ""
    ) -> list[int]:
        """Post a push's callback; return the HTTP statuses."""
        number = prompt.code if prompt.code is not None else 0
        code = str(number) if self.codes_as_text else number
        body = bodies.callback(prompt, code=code, shillings=shillings, receipt=receipt)
        return [await self.post(prompt.callback_url, body) for _ in range(times)]

    async def post(self, url: str, body: object) -> int:
        async with httpx.AsyncClient() as client:
            answer = await client.post(url, content=msgspec.json.encode(body))
        return answer.status_code

    async def post_results(self, *, times: int = 1) -> int:
        """Post the results that wait; return how many there were."""
        postings, self.ledger.postings = self.ledger.postings, []
        for posting in postings:
            for _ in range(times):
                await self.post(posting.url, posting.body)
        return len(postings)

    # --- the API ---

    async def _token(self, request: Request) -> Response:
        self.calls["token"] += 1
        expected = base64.b64encode(f"{self.consumer_key}:{self.consumer_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"errorCode": "400.008.01", "errorMessage": "Invalid Authentication passed"}, 400)
        if request.query_params.get("grant_type") != "client_credentials":
            return JSONResponse({"errorCode": "400.008.02", "errorMessage": "Invalid grant type passed"}, 400)
        token = secrets.token_hex(14)
        self._tokens[token] = time.monotonic() + self.token_lives_s
        return JSONResponse({"access_token": token, "expires_in": str(int(self.token_lives_s))})

    def _endpoint(self, path: str, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self._tokens.get(token, 0) <= time.monotonic():
                return JSONResponse({"errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}, 401)
            self.calls[path] += 1
            fault = self.faults[path].popleft() if self.faults[path] else None
            if fault == "break":
                return JSONResponse({"errorCode": "500.001.1001", "errorMessage": "System internal error"}, 500)
            if fault == "busy":
                return JSONResponse({"errorCode": "500.003.02", "errorMessage": "Spike arrest violation"}, 429)
            if fault == "locked":
                message = "Unable to lock subscriber, a transaction is already in process for the current subscriber"
                return JSONResponse({"errorCode": "500.001.1001", "errorMessage": message}, 500)
            if fault == "forbid":
                return JSONResponse({"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Field"}, 400)
            try:
                body = handler(msgspec.json.decode(await request.body(), type=dict[str, Any]))
            except Refused as refused:
                content = {"requestId": "1", "errorCode": refused.code, "errorMessage": refused.message}
                return JSONResponse(content, refused.status)
            if path == PUSH and self.on_push is not None:
                await self.on_push(list(self.ledger.prompts.values())[-1])
            if fault == "lose":
                return HTMLResponse("<h1>502 Bad Gateway</h1>", 502)
            return JSONResponse(body)

        return answer

    def _push(self, body: dict[str, Any]) -> dict[str, object]:
        self._check_password(body)
        reference, description = body.get("AccountReference"), body.get("TransactionDesc")
        _require(body.get("TransactionType") == "CustomerPayBillOnline", "TransactionType")
        _require(isinstance(body.get("Amount"), int) and 0 < body["Amount"] <= 250_000, "Amount")
        _require(bool(_PHONE.fullmatch(str(body.get("PhoneNumber")))), "PhoneNumber")
        _require(body.get("PartyA") == body["PhoneNumber"], "PartyA")
        _require(str(body.get("PartyB")) == self.shortcode, "PartyB")
        _require(isinstance(reference, str) and 0 < len(reference) <= 12, "AccountReference")
        _require(isinstance(description, str) and 0 < len(description) <= 13, "TransactionDesc")
        self._check_url(body, "CallBackURL")
        made = self.ledger.prompt(
            phone=str(body["PhoneNumber"]), shillings=body["Amount"], callback_url=body["CallBackURL"]
        )
        return {
            "MerchantRequestID": "29115-34620561-1",
            "CheckoutRequestID": made.checkout_request_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }

    def _query(self, body: dict[str, Any]) -> dict[str, object]:
        self._check_password(body)
        prompt = self.ledger.prompts.get(str(body.get("CheckoutRequestID")))
        if prompt is None:
            raise Refused("404.001.04", "Invalid CheckoutRequestID", 404)
        prompt.queries += 1
        if prompt.code is None:
            raise Refused("500.001.1001", "The transaction is being processed", 500)
        code = prompt.code
        if prompt.still_processing > 0:
            prompt.still_processing -= 1
            code = 4999
        return {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successsfully",
            "MerchantRequestID": "29115-34620561-1",
            "CheckoutRequestID": prompt.checkout_request_id,
            "ResultCode": str(code) if self.codes_as_text else code,
            "ResultDesc": "…",
        }

    def _reverse(self, body: dict[str, Any]) -> dict[str, object]:
        self._check_initiator(body, "TransactionReversal")
        _require(str(body.get("ReceiverParty")) == self.shortcode, "ReceiverParty")
        _require(body.get("RecieverIdentifierType") == "11", "RecieverIdentifierType")
        _require(isinstance(body.get("Amount"), int) and body["Amount"] > 0, "Amount")
        conversation_id = self.ledger.conversation()
        code, receipt = self.reversal_code, ""
        original = self.ledger.transactions.get(str(body.get("TransactionID")))
        if original is None or original.reversed + body["Amount"] > original.shillings:
            code = "R000002" if original is None else "R000001"
        elif str(code) == "0":
            original.reversed += body["Amount"]
            back = self.ledger.transfer(
                body["Amount"], f"{self.shortcode} - Showdrop", original.debit_party, conversation_id
            )
            receipt = back.receipt
        posted = bodies.result(conversation_id, code=code, transaction_id=receipt)
        self.ledger.postings.append(Posting(url=body["ResultURL"], body=posted, kind="reverse"))
        return self._conversation(conversation_id)

    def _look_up(self, body: dict[str, Any]) -> dict[str, object]:
        self._check_initiator(body, "TransactionStatusQuery")
        _require(str(body.get("PartyA")) == self.shortcode, "PartyA")
        _require(body.get("IdentifierType") == "4", "IdentifierType")
        conversation_id = self.ledger.conversation()
        found: Transaction | None
        if "TransactionID" in body:
            found = self.ledger.transactions.get(str(body["TransactionID"]))
        else:
            by_conversation = {one.conversation_id: one for one in self.ledger.transactions.values()}
            found = by_conversation.get(str(body.get("OriginalConversationID")))
        posted = bodies.status(conversation_id, found)
        self.ledger.postings.append(Posting(url=body["ResultURL"], body=posted, kind="check"))
        return self._conversation(conversation_id)

    def _conversation(self, conversation_id: str) -> dict[str, object]:
        return {
            "OriginatorConversationID": conversation_id,
            "ConversationID": f"AG_20261101_{conversation_id[-8:]}",
            "ResponseCode": "0",
            "ResponseDescription": "Accept the service request successfully.",
        }

    def _check_password(self, body: dict[str, Any]) -> None:
        _require(str(body.get("BusinessShortCode")) == self.shortcode, "BusinessShortCode")
        at = str(body.get("Timestamp"))
        # Whole days: this checks the zone and the form, not how fast the test runs.
        now = time.time() + 3 * 3_600
        near = {time.strftime("%Y%m%d%H", time.gmtime(now + shift)) for shift in (-60, 0, 60)}
        _require(len(at) == 14 and at[:10] in near, "Timestamp")
        expected = base64.b64encode(f"{self.shortcode}{self.passkey}{at}".encode()).decode()
        if body.get("Password") != expected:
            raise Refused("500.001.1001", "Wrong credentials", 500)

    def _check_initiator(self, body: dict[str, Any], command: str) -> None:
        _require(body.get("CommandID") == command, "CommandID")
        _require(body.get("Initiator") == self.initiator, "Initiator")
        _require(body.get("SecurityCredential") == self.security_credential, "SecurityCredential")
        _require(0 < len(str(body.get("Remarks", ""))) <= 100, "Remarks")
        self._check_url(body, "ResultURL")
        self._check_url(body, "QueueTimeOutURL")

    def _check_url(self, body: dict[str, Any], field: str) -> None:
        _require(str(body.get(field, "")).startswith(("https://", "http://127.0.0.1:")), field)


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise Refused("400.002.02", f"Bad Request - Invalid {field}")
