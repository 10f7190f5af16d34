"""Products to publish."""

import msgspec

from inventory.channels.publishing import Product, Variant
from kit.money import Money

MUG = Product(
    product_id="prod_1",
    product_key="mug",
    title="Mug",
    description="Holds tea.",
    image="https://img.example/mug.png",
    vendor="Potter",
    listing="",
    variants=(
        Variant(sku="MUG-L", title="L", price=Money(2499, "USD"), level=7, item_id=None),
        Variant(sku="MUG-S", title="S", price=Money(1999, "USD"), level=0, item_id=None),
    ),
)
CUP = Product(
    product_id="prod_2",
    product_key="cup",
    title="Cup",
    description="",
    image="https://img.example/cup.png",
    vendor="",
    listing="",
    variants=(Variant(sku="CUP", title="", price=Money(1300, "JPY"), level=3, item_id="CUP"),),
)
NO_IMAGE = msgspec.structs.replace(CUP, image=None)
