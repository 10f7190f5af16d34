"""What the row about channels must reach, and its rhythm."""

from typing import Final

CHANNEL_LAG_MOST_MS: Final = 1_000.0
"""p99 from a sale until its call has left for a healthy channel."""

QUIET_SALES_PER_S: Final = 20
"""Sales a second between two offers, of any SKU."""

OFFER_EVERY_S: Final = 10.0
"""An offer opens this often ..."""

OFFER_SALES: Final = 100
"""... and brings so many sales one after the other, without a pause."""

OFFER_SHARE: Final = 0.8
"""Of them are of the offer's own SKU."""

HOT_SKUS: Final = 3
"""SKUs that offers are of, in turns."""

HOT_UNITS: Final = 100_000
"""More of each than a run sells."""

CHANNEL_TIMEOUT_S: Final = 30.0
"""For the channel to be in step when nothing is sold."""
