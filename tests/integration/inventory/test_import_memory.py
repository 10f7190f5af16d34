import io
import random
import tracemalloc

import pytest

from inventory import catalogue
from inventory.catalogue import Variant
from inventory.import_csv import read_catalogue

SHOPIFY = "Handle,Title,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src"


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the set of SKUs may grow: about 160 bytes per variant, against 1,000 bytes of file."""
    rng = random.Random(7)

    def peak(products: int) -> int:
        words = " ".join(str(rng.random()) for _ in range(50))
        lines = [SHOPIFY + ",Body (HTML)"]
        lines += [f"product-{n},Product {n},,,5,9.99,https://e.com/{n}.jpg,{n} {words}" for n in range(products)]
        file = io.BytesIO("\n".join(lines).encode())
        del lines
        tracemalloc.start()
        count = sum(isinstance(item, Variant) for item in read_catalogue(file, default_currency="EUR"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == products
        return most

    # With fewer products remembered, a smaller file shows the same.
    few, many = 2_000, 2 * 2_000
    monkeypatch.setattr(catalogue, "MAX_REMEMBERED_PRODUCTS", few)
    assert peak(many) - peak(few) < (many - few) * 300
