"""Tokens: staff mint them for their viewers; a demo page gets one for a made-up buyer."""

import secrets
from typing import Annotated

import msgspec

from kit.errors import ForbiddenError
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import ShowId
from live.api.limits import JSON_BODY_MAX_BYTES
from live.stage import Stage
from live.tokens import SUBJECT_PATTERN, TTL_DEFAULT_S, TTL_MAX_S, TTL_MIN_S, Role, Tokens


class NewToken(Request, frozen=True):
    """Whom a token is for."""

    role: Role
    subject: Annotated[
        str, msgspec.Meta(pattern=SUBJECT_PATTERN, description="the buyer's id at the merchant, without blanks")
    ]
    show_id: ShowId | None = None
    ttl_s: Annotated[int, msgspec.Meta(ge=TTL_MIN_S, le=TTL_MAX_S)] = TTL_DEFAULT_S


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token and its end."""

    token: str
    expires_at_ms: int


class NewDemoToken(Request, frozen=True):
    """Which show the made-up buyer watches."""

    show_id: ShowId


class DemoTokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's token for a made-up buyer."""

    token: str
    expires_at_ms: int
    subject: str


class TokenEndpoints:
    """The call that mints tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def endpoints(self) -> list[Endpoint]:
        """Return it."""
        return [
            endpoint(
                "tokens",
                "create_token",
                "POST",
                "/v1/tokens",
                "Mint a token; a host may not mint one for an admin",
                roles=STAFF,
                body=NewToken,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=TokenAnswer,
                status=201,
                handle=self._create,
            )
        ]

    async def _create(self, call: Call[NewToken, Empty]) -> TokenAnswer:
        if call.body.role == "admin" and call.identity.role != "admin":
            raise ForbiddenError("a host may mint tokens for hosts and viewers; an admin's takes an admin")
        token, expires_at_ms = self._tokens.mint(call.body.role, call.body.subject, call.body.show_id, call.body.ttl_s)
        return TokenAnswer(token=token, expires_at_ms=expires_at_ms)


class DemoEndpoints:
    """The call that lets anyone buy in a demo. Never mounted in production: it asks for no proof of who calls."""

    def __init__(self, tokens: Tokens, stage: Stage) -> None:
        self._tokens = tokens
        self._stage = stage

    def endpoints(self) -> list[Endpoint]:
        """Return it."""
        return [
            endpoint(
                "tokens",
                "create_demo_token",
                "POST",
                "/v1/demo/tokens",
                "Become a made-up buyer of a show (demo mode only)",
                roles=None,
                body=NewDemoToken,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=DemoTokenAnswer,
                status=201,
                refusals=(404,),
                handle=self._create,
            )
        ]

    async def _create(self, call: Call[NewDemoToken, Empty]) -> DemoTokenAnswer:
        show = await self._stage.show(call.body.show_id)
        subject = f"demo-{secrets.token_hex(4)}"
        token, expires_at_ms = self._tokens.mint("viewer", subject, show.show_id)
        return DemoTokenAnswer(token=token, expires_at_ms=expires_at_ms, subject=subject)
