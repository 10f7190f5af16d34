"""Names are looked up each on a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from kit.lookup import LOOKUPS_MOST, NameLookup

DEAD = 100
"""More dead names than any loop has threads."""


class Resolver:
    """Names that begin with ``dead`` get no answer until the test is over; all others are found."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()

    def getaddrinfo(
        self, host: str, port: int, **_how: int
    ) -> list[tuple[object, object, object, str, tuple[str, int]]]:
        self.asked.append(host)
        if host.startswith("dead"):
            self.over.wait(30)
            raise socket.gaierror("no answer")
        return [(None, None, None, "", ("192.0.2.1", port))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr("kit.lookup.socket.getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.over.set()


async def test_dead_names_keep_no_other_waiting(resolver: Resolver) -> None:
    look_up = NameLookup()
    waiting = [asyncio.create_task(look_up(f"dead{number}.example", 443)) for number in range(DEAD)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await look_up("shop.example", 443) == ["192.0.2.1"]
    assert not any(task.done() for task in waiting)
    resolver.over.set()
    assert all(isinstance(one, OSError) for one in await asyncio.gather(*waiting, return_exceptions=True))


async def test_a_name_that_many_ask_for_is_looked_up_once_at_a_time(resolver: Resolver) -> None:
    look_up = NameLookup()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await look_up("dead.example", 443)
    assert resolver.asked == ["dead.example"]
    assert [await look_up("shop.example", 443) for _ in range(2)] == [["192.0.2.1"]] * 2
    assert resolver.asked[1:] == ["shop.example"] * 2


async def test_there_is_a_bound_to_how_many_names_are_looked_up_at_once(resolver: Resolver) -> None:
    look_up = NameLookup(most=2)
    waiting = [asyncio.create_task(look_up(f"dead{number}.example", 443)) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="too many"):
        await look_up("shop.example", 443)
    resolver.over.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await look_up("shop.example", 443) == ["192.0.2.1"]
    assert LOOKUPS_MOST > 2


async def test_a_name_that_is_none_has_no_address() -> None:
    with pytest.raises((OSError, UnicodeError)):
        await NameLookup()("a..b", 443)
