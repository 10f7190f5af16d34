"""Where webhooks may go: never to a neighbour of ours, whatever a name says, and to no other name than asked."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from kit.errors import InvalidError
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.hook_house import House, receiving

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hooks",
        "https://[::1]/hooks",
        "https://10.1.2.3/hooks",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://2130706433/hooks",
        "https://localhost/hooks",
        "http://93.184.216.34/hooks",
        "https://nowhere.invalid/hooks",
    ],
)
async def test_an_address_of_ours_or_of_nobody_cannot_be_subscribed(shop: Shop, url: str) -> None:
    house = House(shop, allow_private=False)
    with pytest.raises(InvalidError) as caught:
        await house.subscribe(url)
    assert (caught.value.code, caught.value.details["field"]) == ("invalid_url", "url")
    assert await house.endpoints.list() == []


async def test_a_name_that_points_to_us_after_it_was_subscribed_is_not_called(shop: Shop) -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]
    connected = asyncio.Event()
    server = await asyncio.start_server(lambda _reader, _writer: connected.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        assert host == "shop.example"
        return answers.pop(0)

    async with server:
        house = House(shop, allow_private=False, lookup=rebinding)
        made = await house.subscribe(f"https://shop.example:{port}/hooks")
        await house.queued()
        assert await house.send() == 1
        assert (await house.only(made)).last_error == "private_address"
        assert not connected.is_set()


async def test_a_name_that_only_the_resolver_knows_is_a_failure_like_any_other(shop: Shop) -> None:
    async def anything(_host: str, _port: int) -> Sequence[str]:
        return [PUBLIC]

    house = House(shop, allow_private=False, lookup=anything)
    made = await house.subscribe("https://xn--.shop.example/hooks")
    await house.queued()
    assert await house.send() == 1
    assert (await house.only(made)).last_error == "no_answer"


async def test_one_private_address_among_public_ones_is_not_called(shop: Shop) -> None:
    async def mixed(_host: str, _port: int) -> Sequence[str]:
        return [PUBLIC, "10.0.0.1"]

    with pytest.raises(InvalidError):
        await House(shop, allow_private=False, lookup=mixed).subscribe("https://shop.example/")


async def test_a_call_goes_to_the_address_that_was_judged_and_asks_for_the_name(shop: Shop) -> None:
    looked_up: list[str] = []

    async def lookup(host: str, _port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    house = House(shop, lookup=lookup)
    async with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        await house.subscribe(f"http://shop.example:{port}/hooks")
        await house.queued()
        await house.send()
        assert receiver.calls[0].headers["host"] == f"shop.example:{port}"
    assert looked_up == ["shop.example", "shop.example"]  # when it was subscribed, and once for the call


async def test_over_tls_the_certificate_is_asked_for_by_name(shop: Shop) -> None:
    hello: list[bytes] = []

    async def greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.append(await reader.read(4_096))
        writer.write(b"this is no TLS")
        writer.close()

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    house = House(shop, lookup=lookup)
    server = await asyncio.start_server(greeted, "127.0.0.1", 0)
    async with server:
        made = await house.subscribe(f"https://shop.example:{server.sockets[0].getsockname()[1]}/hooks")
        await house.queued()
        await house.send()
    assert b"shop.example" in hello[0]
    assert (await house.only(made)).last_error == "tls"
