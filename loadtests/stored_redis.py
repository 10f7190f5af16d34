"""What is kept in Redis, looked at from outside."""

from redis import Redis
from redis.exceptions import RedisError

from loadtests.errors import LoadError
from loadtests.limits import STORE_TIMEOUT_S
from loadtests.stored import Kept, by_kind

PAGE_KEYS = 500
"""Keys of one step of the scan, and of one pipeline."""


def kept_in_redis(url: str) -> dict[str, Kept]:
    """Return the keys and their bytes by kind, and all of Redis's memory as ``used_memory``. Blocking.

    Raises:
        LoadError: Redis does not answer.
    """
    try:
        return _look(url)
    except RedisError as error:
        raise LoadError(f"what Redis keeps could not be looked at ({type(error).__name__})") from error


def _look(url: str) -> dict[str, Kept]:
    found: list[tuple[str, int]] = []
    with Redis.from_url(
        url, decode_responses=True, socket_timeout=STORE_TIMEOUT_S, socket_connect_timeout=STORE_TIMEOUT_S
    ) as redis:
        keys = list(redis.scan_iter(count=PAGE_KEYS))
        for at in range(0, len(keys), PAGE_KEYS):
            page = keys[at : at + PAGE_KEYS]
            pipeline = redis.pipeline(transaction=False)
            for key in page:
                pipeline.memory_usage(key)
            found += [(key, size or 0) for key, size in zip(page, pipeline.execute(), strict=True)]
        used = int(redis.info("memory")["used_memory"])
    return by_kind(found) | {"used_memory": Kept(1, used)}
