"""The channel that POSTs: where it may go, and what it makes of odd answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from inventory.channels.channel import ChannelConfig, ChannelDownError, Level, Told
from inventory.channels.webhook_http import WebhookKind
from kit.errors import InvalidError
from tests.integration.inventory.channels.merchant import Receiver
from tests.serving import serving_hooks


def webhook(url: str) -> ChannelConfig:
    return ChannelConfig(
        channel_id="chan_1",
        kind="webhook",
        name="",
        settings={"url": url},
        secrets={"signing": "whsec_" + "c2VjcmV0" * 4},
    )


LEVEL = Level(sku="A", item_id="A", quantity=1, version=1)


async def tell(kind: WebhookKind, url: str) -> object:
    async def save(secrets: Mapping[str, str]) -> None:
        raise AssertionError(f"a webhook renews nothing, and saved {sorted(secrets)}")

    channel = kind.open(webhook(url), save)
    try:
        return await channel.tell([LEVEL])
    finally:
        await channel.close()


async def test_a_private_address_is_refused_at_set_up_and_at_every_call(receiver: Receiver) -> None:
    guarded = WebhookKind(allow_private=False)
    by_name = receiver.url.replace("127.0.0.1", "localhost")
    for url in (receiver.url, by_name):
        with pytest.raises(InvalidError, match="private") as caught:
            await guarded.prepare({"url": url})
        assert caught.value.details["field"] == "url"
        # The name may have been a public one when the channel was set up.
        with pytest.raises(ChannelDownError, match="private"):
            await tell(guarded, url)
    assert receiver.calls == []
    assert await tell(WebhookKind(allow_private=True), by_name) == [Told()]


async def test_a_setting_that_a_webhook_does_not_have_is_named() -> None:
    with pytest.raises(InvalidError) as caught:
        await WebhookKind(allow_private=True).prepare({"url": "http://127.0.0.1/", "color": "red"})
    assert caught.value.details["field"] == "color"


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    async def elsewhere(_request: Request) -> Response:
        return RedirectResponse(receiver.url)

    async with serving_hooks(elsewhere) as url:
        with pytest.raises(ChannelDownError, match="307"):
            await tell(WebhookKind(allow_private=True), url)
    assert receiver.calls == []


async def test_an_endless_answer_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1024
            await asyncio.sleep(0)

    async def talk(_request: Request) -> Response:
        return StreamingResponse(endless())

    async with serving_hooks(talk) as url, asyncio.timeout(2):
        assert await tell(WebhookKind(allow_private=True), url) == [Told()]


async def test_what_is_not_http_is_a_failed_call() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
            with pytest.raises(ChannelDownError):
                await tell(WebhookKind(allow_private=True), url)


async def test_a_host_that_is_no_name_is_refused_at_set_up() -> None:
    with pytest.raises(InvalidError) as refused:
        await WebhookKind(allow_private=True).prepare({"url": "http://xn--/levels"})
    assert refused.value.code == "invalid_url"


async def test_a_name_that_nobody_answers_for_is_refused_at_set_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return [f"{host}:{port}"]

    monkeypatch.setattr("inventory.channels.webhook_http.CALL_TIMEOUT_S", 0.05)
    kind = WebhookKind(allow_private=True, lookup=never)
    with pytest.raises(InvalidError, match="not found within") as refused:
        await kind.prepare({"url": "https://slow.example/"})
    assert refused.value.details["field"] == "url"
