"""The catalogue: importing a file, finding products."""

from typing import Annotated

import msgspec

from inventory.catalogue_pg import MAX_PAGE, Catalogue, ProductPage
from inventory.import_pg import ImportReport
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import AfterProduct, SearchText
from live.api.limits import FILE_BODY_MAX_BYTES

PAGE_DEFAULT_PRODUCTS = 50


class ProductQuery(Request, frozen=True):
    """Which products."""

    query: SearchText | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = PAGE_DEFAULT_PRODUCTS
    after: AfterProduct | None = None


class CatalogueEndpoints:
    """The calls about the catalogue."""

    def __init__(self, catalogue: Catalogue, default_currency: str) -> None:
        self._catalogue = catalogue
        self._default_currency = default_currency

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "catalogue",
                "import_catalogue",
                "POST",
                "/v1/catalog/import",
                "Import a catalogue file; the format is recognised from its header",
                roles=STAFF,
                body=Empty,
                body_kind="file",
                body_limit=FILE_BODY_MAX_BYTES,
                query=Empty,
                answer=ImportReport,
                handle=self._import,
            ),
            endpoint(
                "catalogue",
                "list_products",
                "GET",
                "/v1/products",
                "Find products by title, key or SKU",
                roles=STAFF,
                body=Empty,
                query=ProductQuery,
                answer=ProductPage,
                handle=self._products,
            ),
        ]

    async def _import(self, call: Call[Empty, Empty]) -> ImportReport:
        if call.asked.file is None:
            raise RuntimeError("an import is declared with a file body")
        return await self._catalogue.import_file(call.asked.file, default_currency=self._default_currency)

    async def _products(self, call: Call[Empty, ProductQuery]) -> ProductPage:
        return await self._catalogue.products(call.query.query, limit=call.query.limit, after=call.query.after)
