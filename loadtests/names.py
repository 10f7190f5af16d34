"""What a deployment consists of, as load tests name it."""

from typing import Final

API: Final = "api"
GATEWAY: Final = "gateway"
WORKER: Final = "worker"
REDIS: Final = "Redis"
POSTGRES: Final = "Postgres"

STORES: Final = frozenset({REDIS, POSTGRES})
"""What keeps what was bought, so it grows."""
