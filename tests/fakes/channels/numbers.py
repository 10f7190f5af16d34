"""Numbers of orders: a fake that is started again must not give one that was known before."""

import time
from typing import Final

FIRST: Final = (int(time.time()) - 1_790_000_000) * 1_000
"""To be added to the first number of an order: it grows by a thousand with every second between two starts."""
