"""The API over ASGI, on real parts and a real database of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.endpoint import Endpoint
from live.api.idempotency_pg import Idempotency
from live.api.server_http import build_server
from live.tokens import Role, Tokens
from tests.integration.live.api.api_client import SECRET, Bearer, Document, Serve


@pytest.fixture
def tokens() -> Tokens:
    """Mints and verifies the test's tokens."""
    return Tokens(SECRET)


@pytest.fixture
def bearer(tokens: Tokens) -> Bearer:
    """The Authorization header of a role."""

    def make(role: Role, subject: str = "me", show_id: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {tokens.mint(role, subject, show_id)[0]}"}

    return make


@pytest.fixture
def serve(postgres: Postgres, tokens: Tokens) -> Serve:
    """Serve some endpoints to a client without a socket; every answer is held against the document."""

    @asynccontextmanager
    async def start(declared: list[Endpoint]) -> AsyncIterator[httpx.AsyncClient]:
        app = build_server(declared, tokens=tokens, idempotency=Idempotency(postgres), registry=new_registry())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://api.test",
            event_hooks={"response": [Document(declared).check]},
        ) as client:
            yield client

    return start
