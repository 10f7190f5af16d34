"""The programs of docs/clients.md, run as a reader would run them."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

from kit.money import Money
from live import wire
from tests.integration.live.scripted_gateway import Session, gateway

ROOT = Path(__file__).parents[3]
OFFER = wire.OfferCard(
    offer_id="offer_1",
    sku="MUG",
    product_id="prod_1",
    title="Blue mug",
    price=Money(1999, "EUR"),
    quantity=1,
    per_buyer_limit=1,
    starts_at_ms=0,
    ends_at_ms=2**42,
    hold_ttl_ms=60_000,
)


def program(language: str) -> str:
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


async def sale(session: Session) -> None:
    """Sell one mug, then send the buyer away for good."""
    hello = await session.hello(0)
    assert hello.token == "buyer-token"
    await session.send(wire.OfferOpened(seq=1, offer=OFFER))
    claim = await session.heard()
    assert isinstance(claim, wire.Claim)
    await session.send(
        wire.ClaimAccepted(
            claim_id=claim.claim_id, hold_id="hold_1", offer_id=claim.offer_id, quantity=1, expires_at_ms=2**42
        )
    )
    assert await session.heard() == wire.Checkout(hold_id="hold_1", payment_method="pm_test_ok")
    await session.send(wire.OrderSubmitted(order_id="order_1", hold_id="hold_1", amount=OFFER.price))
    await asyncio.sleep(0.2)  # else both programs are free to print them in either order
    await session.send(wire.OrderConfirmed(order_id="order_1", hold_id="hold_1", amount=OFFER.price))
    await asyncio.sleep(0.2)
    await session.connection.close(4503)


async def run(*command: str) -> tuple[int | None, str]:
    """Run a program against the sale; return its exit code and all that it printed."""
    async with gateway(sale) as url:
        process = await asyncio.create_subprocess_exec(
            *command,
            url,
            "show_1",
            "buyer-token",
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(30):
            printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_the_python_program_buys_a_mug_and_says_why_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "buyer.py"
    path.write_text(program("python"), encoding="utf-8")
    assert await run(sys.executable, str(path)) == (
        1,
        "Mugs is live\n"
        "Blue mug: OrderSubmitted\n"
        "paid 1999 EUR (minor units): order_1\n"
        "the server closed with 4503: do not reconnect\n",
    )


async def test_the_javascript_program_buys_a_mug_and_says_why_it_ended(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None, "the browser client's tests need Node.js 20 or newer: apt-get install nodejs"
    path = tmp_path / "buyer.mjs"
    path.write_text(program("js").replace("./live/web/", f"{(ROOT / 'live' / 'web').as_uri()}/"), encoding="utf-8")
    # Node 20 has a WebSocket behind this flag, later versions without it.
    assert await run(node, "--experimental-websocket", str(path)) == (
        0,
        "connecting\n"
        "live\n"
        "Blue mug: order.submitted\n"
        "paid { amount: 1999, currency: 'EUR' }\n"
        "the server closed with 4503\n",
    )
