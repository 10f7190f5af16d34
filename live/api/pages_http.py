"""The pages, what they load, and what they have to know before they start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from inventory.limits import HOLD_EXTENSIONS_MOST
from live.api.endpoint import Call, Empty, Endpoint, endpoint

WEB_DIRECTORY: Final = Path(__file__).parents[1] / "web"
PAGES: Final[Mapping[str, str]] = {"/host": "host.html", "/watch": "watch.html", "/docs": "docs.html"}
# Files have no version in their names: a browser asks each time, and mostly hears "not changed".
CACHE_CONTROL: Final = "no-cache"


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a page has to know: where the gateway is, and whether anyone may become a demo buyer.

    ``hold_extensions``: how often a buyer may ask for more time to pay.
    """

    version: str
    ws_url: str
    demo: bool
    currency: str
    hold_extensions: int = HOLD_EXTENSIONS_MOST


class MetaEndpoints:
    """The call that pages begin with."""

    def __init__(self, meta: Meta) -> None:
        self._meta = meta

    def endpoints(self) -> list[Endpoint]:
        """Return it."""
        return [
            endpoint(
                "pages",
                "get_meta",
                "GET",
                "/v1/meta",
                "What a page has to know before it starts",
                roles=None,
                body=Empty,
                query=Empty,
                answer=Meta,
                handle=self._get,
            )
        ]

    async def _get(self, call: Call[Empty, Empty]) -> Meta:  # noqa: ARG002 - a handler takes the call
        return self._meta


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = CACHE_CONTROL
        return response


def page_routes(documents: Mapping[str, bytes]) -> list[BaseRoute]:
    """Return the routes of the pages, of their files, and of documents in JSON, such as ``/openapi.json``.

    Args:
        documents: the content of each by its path.
    """

    async def document(request: HttpRequest) -> Response:
        return Response(
            documents[request.url.path], media_type="application/json", headers={"cache-control": CACHE_CONTROL}
        )

    async def home(_request: HttpRequest) -> Response:
        return RedirectResponse("/watch", status_code=307)

    async def page(request: HttpRequest) -> Response:
        file = WEB_DIRECTORY / PAGES[request.url.path]
        return FileResponse(file, media_type="text/html", headers={"cache-control": CACHE_CONTROL})

    return [
        Route("/", home),
        *(Route(path, page) for path in PAGES),
        *(Route(path, document) for path in documents),
        Mount("/static", _Files(directory=WEB_DIRECTORY)),
    ]
