"""The programs of docs/clients.md, run as a reader would run them."""

import asyncio
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

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


async def start(*command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Wait for its end; return its exit code and all that it printed and nobody has read."""
    async with asyncio.timeout(30):
        printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def run(*command: str) -> tuple[int | None, str]:
    """Run a program against the sale."""
    async with gateway(sale) as url:
        return await finish(await start(*command, url, "show_1", "buyer-token"))


async def stay(session: Session) -> None:
    await session.hello(0)
    await session.stay()


async def end(session: Session) -> None:
    """Send a guest home."""
    hello = await session.hello(0)
    assert hello.token is None
    await session.send(wire.ShowEnded(seq=1, at_ms=1))
    await session.stay()


@pytest.fixture
def buyer(tmp_path: Path) -> tuple[str, str]:
    """The command of the Python program."""
    path = tmp_path / "buyer.py"
    path.write_text(program("python"), encoding="utf-8")
    return sys.executable, str(path)


async def test_the_python_program_says_how_it_is_used(buyer: tuple[str, str]) -> None:
    assert await finish(await start(*buyer, "ws://127.0.0.1:1")) == (1, "usage: buyer.py WS_URL SHOW_ID [TOKEN]\n")


async def test_the_python_program_names_a_wrong_address_in_one_line(buyer: tuple[str, str]) -> None:
    code, printed = await finish(await start(*buyer, "http://127.0.0.1:8001", "show_1"))
    assert (code, printed.count("\n")) == (1, 1)
    assert printed.startswith("ws_url must start with ws:// or wss://")


async def test_the_python_program_watches_as_a_guest_until_the_show_has_ended(buyer: tuple[str, str]) -> None:
    async with gateway(end) as url:
        assert await finish(await start(*buyer, url, "show_1")) == (0, "Mugs is live\nthe show has ended\n")


async def test_the_python_program_says_that_it_waits_and_ends_with_ctrl_c(buyer: tuple[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        process = await start(*buyer, f"ws://127.0.0.1:{port}", "show_1")
        assert process.stdout is not None
        async with asyncio.timeout(10):
            assert await process.stdout.readline() == b"waiting for the server ...\n"
    async with gateway(stay, port=port), asyncio.timeout(30):
        while await process.stdout.readline() != b"Mugs is live\n":
            pass
        process.send_signal(signal.SIGINT)
        assert await finish(process) == (0, "left\n")


async def test_the_python_program_buys_a_mug_and_says_why_it_ended(buyer: tuple[str, str]) -> None:
    assert await run(*buyer) == (
        1,
        "Mugs is live\n"
        "Blue mug: OrderSubmitted\n"
        "paid 1999 EUR (minor units): order_1\n"
        "the server closed with 4503 (UNKNOWN_SHOW): do not reconnect\n",
    )


async def test_the_javascript_program_buys_a_mug_and_says_why_it_ended(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None, "the browser client's tests need Node.js 20 or newer: apt-get install nodejs"
    path = tmp_path / "buyer.mjs"
    path.write_text(
        program("js").replace("./showdrop/live/web/", f"{(ROOT / 'live' / 'web').as_uri()}/"), encoding="utf-8"
    )
    # Node 20 has a WebSocket behind this flag, later versions without it.
    assert await run(node, "--experimental-websocket", str(path)) == (
        0,
        "connecting\n"
        "live\n"
        "Blue mug: order.submitted\n"
        "paid { amount: 1999, currency: 'EUR' }\n"
        "the server closed with 4503\n",
    )
    usage = (1, "usage: node buyer.mjs WS_URL SHOW_ID [TOKEN]\n")
    assert await finish(await start(node, str(path))) == usage
