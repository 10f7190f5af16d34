"""What the load tests say of an API that does not answer as it should: one line with its address and what to do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.endpoint import Call, Empty, endpoint
from live.api.idempotency_pg import Idempotency
from live.api.server_http import build_server
from live.tokens import Tokens
from loadtests import api_http, swarm
from loadtests.api_http import Api
from loadtests.errors import LoadError
from tests.serving import serving

CANNOT = 2
SECRET, ANOTHER = "s" * 43, "t" * 43
PAGE = "<html>\n<body>\nNot here.\n</body>\n</html>\n"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up at once."""
    monkeypatch.setattr(api_http, "AGAIN_FOR_S", 0.0)


async def refused(url: str, path: str = "/v1/meta") -> str:
    """Return why a call is none."""
    api = Api(url, SECRET)
    try:
        with pytest.raises(LoadError) as caught:
            await asyncio.to_thread(api.call, "GET", path)
    finally:
        api.close()
    return str(caught.value)


def silent(url: str, how: str) -> str:
    return f"no answer from {url} ({how}); is Showdrop running there? Say another address with --url"


async def test_nobody_answers_and_a_password_is_not_repeated() -> None:
    said = await refused("http://user:hunter2@127.0.0.1:9")
    assert said == f"GET /v1/meta: {silent(NOBODY, 'ConnectError')}"


@pytest.mark.parametrize(
    "answer",
    [HTMLResponse(PAGE), HTMLResponse(PAGE, 401), HTMLResponse(PAGE, 404), JSONResponse({"detail": "Not Found"}, 404)],
)
async def test_another_server_is_not_quoted(answer: Response) -> None:
    async def other(_request: Request) -> Response:
        return answer

    async with serving(Starlette(routes=[Route("/v1/meta", other)])) as url:
        said = await refused(url)
    other_is = f"what answers is something else ({answer.status_code})"
    assert said == f"GET /v1/meta: there is no Showdrop at {url}: {other_is}; say the address of its API with --url"


async def test_a_proxy_with_nobody_behind_it_is_no_answer() -> None:
    async def proxy(_request: Request) -> Response:
        return HTMLResponse(PAGE, 502)

    async with serving(Starlette(routes=[Route("/v1/meta", proxy)])) as url:
        assert await refused(url) == f"GET /v1/meta: {silent(url, '502')}"


@pytest.fixture
async def showdrop(postgres: Postgres) -> AsyncIterator[str]:
    """A Showdrop of another secret, with one call for hosts."""

    async def things(_call: Call[Empty, Empty]) -> Empty:
        return Empty()

    declared = endpoint(
        *("things", "get_things", "GET", "/v1/things", "Things"),
        roles=frozenset({"host"}),
        handle=things,
        body=Empty,
        query=Empty,
        answer=Empty,
    )
    app = build_server([declared], tokens=Tokens(ANOTHER), idempotency=Idempotency(postgres), registry=new_registry())
    async with serving(app) as url:
        yield url


async def test_a_token_of_another_secret_is_told_from_other_refusals(showdrop: str) -> None:
    must = "SHOWDROP_SECRET or SHOWDROP_DATA_DIR must be that server's"
    assert await refused(showdrop, "/v1/things") == f"GET /v1/things: {showdrop} refuses the token; {must}"
    why = "there is nothing under this path; /docs lists the calls (not_found)"
    assert await refused(showdrop, "/v1/none") == f"GET /v1/none: {why}"


def test_the_swarm_says_it_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOWDROP_SECRET", SECRET)
    ran = CliRunner().invoke(swarm.main, ["--tier", "XS", "--url", NOBODY, "--records", str(tmp_path)])
    assert (ran.exit_code, ran.output) == (CANNOT, f"swarm: GET /v1/meta: {silent(NOBODY, 'ConnectError')}\n")
