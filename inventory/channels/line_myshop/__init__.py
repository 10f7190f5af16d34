"""LINE MyShop."""
