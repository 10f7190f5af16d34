"""What a gateway says is not ready, and waits for it."""

import asyncio

import httpx

from tests.integration.live.gateway.house import PATIENCE_S, House

LAG_MOST_S = 0.5


async def failing(house: House) -> dict[str, str]:
    """Return what the gateway says is not ready, and why."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{house.ws_url.replace('ws://', 'http://')}/readyz")
    found: dict[str, str] = answer.json()["failing"]
    assert answer.status_code == (503 if found else 200)
    return found


async def until_ready(house: House) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await failing(house):
            await asyncio.sleep(0.05)


async def until_red(house: House, reason: str) -> dict[str, str]:
    """Wait until the reader's check fails for this reason; return all that fails then."""
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while reason not in (found := await failing(house)).get("log_reader", ""):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never said {reason!r}, last: {found}") from None
    return found
