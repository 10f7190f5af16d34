"""What is sold in the show."""

CATALOGUE = b"""Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty
mug,Blue mug,Size,S,MUG-S,9.99,10
mug,,Size,L,MUG-L,12.99,5
"""
OFFER = {"sku": "MUG-S", "price": {"amount": 799, "currency": "EUR"}, "quantity": 5, "per_buyer_limit": 2}
