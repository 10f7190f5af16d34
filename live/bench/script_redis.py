"""What the server alone does: the claim script called by ``redis-benchmark``, with as many claims per call as ours has.

``redis-benchmark`` writes random numbers where its placeholder stands, so that every claim is another buyer's with
another id. It finds the placeholder in text only, so there is no zero byte in what it sends: 255 claims, not 256.
"""

import asyncio
import shutil
import tempfile
import time
from typing import Final
from urllib.parse import unquote, urlsplit

from inventory.hold_records import pack_wishes
from inventory.holds import Pool
from inventory.holds_redis import RedisHolds
from kit.errors import StartupError
from kit.redis_client import RedisClient, redis_errors
from live.bench.limits import SCRIPT_CLIENTS, SCRIPT_PIPELINE, SCRIPT_SECONDS_MOST
from live.bench.result import Measured

_RANDOM: Final = "__rand_int__"
_PER_CALL: Final = 255
_NUMBERS: Final = 2_000_000_000
"""The random numbers are below this: the largest that the program understands."""


def _where(redis_url: str) -> list[str]:
    """Return the options that name the server of a URL such as ``unix:///…`` or ``redis://host:port``."""
    url = urlsplit(redis_url)
    if url.scheme == "unix":
        return ["-s", unquote(url.path)]
    return ["-h", url.hostname or "localhost", "-p", str(url.port or 6379)]


async def bytes_used(redis: RedisClient) -> int:
    """Return the memory that the server's data takes."""
    with redis_errors():
        return int((await redis.info("memory"))["used_memory"])


async def server_version(redis: RedisClient) -> str:
    """Return the version of the server."""
    with redis_errors():
        return str((await redis.info("server"))["redis_version"])


def find_redis_benchmark() -> str:
    """Return the path of ``redis-benchmark``.

    Raises:
        StartupError: it is not installed.
    """
    program = shutil.which("redis-benchmark")
    if program is None:
        raise StartupError("redis-benchmark is not on the PATH; install it (Debian: apt-get install redis-tools)")
    return program


async def script_rate(holds: RedisHolds, redis_url: str, pool: Pool, claims: int) -> Measured:
    """Let ``redis-benchmark`` claim about as many units of a new pool; count the holds that came of it.

    Raises:
        StartupError: it is not installed, or failed.
    """
    program = find_redis_benchmark()
    await holds.open(pool)
    calls = claims // _PER_CALL
    batch = pack_wishes([(_RANDOM, f"000000{_RANDOM}", f"buyer-{_RANDOM}", 1)] * _PER_CALL)
    command = [*_where(redis_url), "-q", "-n", str(calls), "-c", str(SCRIPT_CLIENTS), "-P", str(SCRIPT_PIPELINE)]
    command += ["-r", str(_NUMBERS), "-x", *holds.claim_command(pool)]
    with tempfile.TemporaryFile() as given:  # not a pipe: one that ends before it reads would break our writing
        given.write(batch)
        given.seek(0)
        started_s = time.perf_counter()
        child = await asyncio.create_subprocess_exec(
            program,
            *command,
            stdin=given,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    try:
        async with asyncio.timeout(SCRIPT_SECONDS_MOST):
            _, errors = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    seconds = time.perf_counter() - started_s
    [counts] = await holds.counts([pool.pool_id])
    # A random number that came before is a claim that was made before; there are few.
    if child.returncode or counts.held < calls * _PER_CALL * 0.99:
        reason = errors.decode(errors="replace").strip().splitlines()
        raise StartupError(f"redis-benchmark made {counts.held} holds of {calls * _PER_CALL}: {' '.join(reason[:1])}")
    return Measured(
        way=f"the script alone: redis-benchmark -P {SCRIPT_PIPELINE}, {_PER_CALL} claims per call",
        items=counts.held,
        seconds=seconds,
    )
