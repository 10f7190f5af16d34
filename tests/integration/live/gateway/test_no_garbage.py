"""However a viewer leaves, nothing of it waits for the garbage collector, which comes by a gateway once in an hour."""

import asyncio
import gc
import socket
import struct
from collections import Counter

import pytest

from live.limits import MESSAGE_MAX_BYTES
from tests.integration.live.gateway.crowd import CLOSE, TEXT, client_frame
from tests.integration.live.gateway.house import House, upgrade

HELLO = client_frame(TEXT, b'{"type":"hello"}')
RESET = struct.pack("ii", 1, 0)

VIEWERS = 3

LAST_WORDS = {
    "nothing": b"",
    "half a frame": HELLO[:-3],
    "a close frame": client_frame(CLOSE, struct.pack("!H", 1000)),
    "a broken frame": client_frame(TEXT, b"x", mask=None),
    "no text": client_frame(TEXT, b"\xff"),
    "too long a message": client_frame(TEXT, b"x" * (MESSAGE_MAX_BYTES + 1)),
    "a wrong message": client_frame(TEXT, b'{"type":"wonder"}'),
}


async def come_and_go(house: House, show_id: str, last: bytes, *, resets: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as ours:
        ours.setblocking(False)
        await loop.sock_connect(ours, ("127.0.0.1", house.place.settings.ws_port))
        await loop.sock_sendall(ours, upgrade(show_id) + HELLO)
        heard = b""
        async with asyncio.timeout(5):
            while b'"welcome"' not in heard:
                heard += await loop.sock_recv(ours, 65_536)
        await loop.sock_sendall(ours, last)
        await asyncio.sleep(0.01)
        if resets:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def nobody_here(house: House) -> None:
    async with asyncio.timeout(5):
        while await house.metric("showdrop_gateway_connections") > 1:  # who asks is one, too
            await asyncio.sleep(0.02)


def of_viewers() -> Counter[str]:
    """Count what is there now, whether or not anything can reach it: what the collector finds, it does not always tell.

    A generator that it finds is closed, and what only that held goes without being counted as garbage.
    """
    names = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return Counter({name: count for name, count in names.items() if name.startswith(("live.", "websockets."))})


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("last", LAST_WORDS.values(), ids=LAST_WORDS)
async def test_a_viewer_who_leaves_is_gone_without_the_collector(house: House, last: bytes, resets: bool) -> None:
    show_id = await house.show()
    await come_and_go(house, show_id, last, resets=resets)
    await nobody_here(house)
    gc.collect()
    gc.disable()
    try:
        before = of_viewers()
        for _ in range(VIEWERS):
            await come_and_go(house, show_id, last, resets=resets)
        await nobody_here(house)
        left = of_viewers() - before
    finally:
        gc.enable()
    # Fewer are nobody's: the gateway's own, such as what a tick remembers.
    assert {name: count for name, count in left.items() if count >= VIEWERS} == {}
