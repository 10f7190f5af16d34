"""Compressed viewers are told the same as the others, in frames that are made once for all of them."""

import contextlib

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.typing import Subprotocol

from live import wire
from live.limits import DEFLATE_LEAST_BYTES
from tests.integration.live.gateway.crowd import RSV1, TEXT, Light, inflated, say, until
from tests.integration.live.gateway.crowd import connect as connect_light
from tests.integration.live.gateway.house import House, Viewer, upgrade

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
VARIANTS = 30
"""Of the product on stage: an event of some kilobytes."""


async def watch(house: House, show_id: str, *, binary: bool, window_bits: int | None = None) -> Viewer:
    """Return a viewer of the library, who asks for compression as browsers do."""
    protocol = wire.MSGPACK_SUBPROTOCOL if binary else wire.JSON_SUBPROTOCOL
    url = f"{house.ws_url}/v1/shows/{show_id}/live"
    if window_bits is None:
        connection = await connect(url, subprotocols=[Subprotocol(protocol)], compression="deflate", proxy=None)
    else:
        extension = ClientPerMessageDeflateFactory(server_max_window_bits=window_bits)
        connection = await connect(
            url, subprotocols=[Subprotocol(protocol)], compression=None, extensions=[extension], proxy=None
        )
    viewer = Viewer(connection)
    await viewer.say(wire.Hello())
    await viewer.get(wire.Welcome)
    return viewer


def is_compressed(viewer: Viewer) -> bool:
    return any(isinstance(one, PerMessageDeflate) for one in viewer.connection.protocol.extensions)


async def test_viewers_with_and_without_compression_are_told_the_same(house: House) -> None:
    show_id = await house.show()
    product_id, _ = await house.product(variants=VARIANTS)
    async with house.another_gateway(deflate=True) as squeezing, contextlib.AsyncExitStack() as stack:
        plain = [await squeezing.watch(show_id, binary=binary) for binary in (False, True)]
        packed = [
            await watch(squeezing, show_id, binary=binary, window_bits=bits)
            for binary in (False, True)
            for bits in (None, 9)
        ]
        for viewer in packed:
            stack.push_async_callback(viewer.leave)
        for n in range(5):
            await house.stage.spotlight(show_id, [product_id] if n % 2 == 0 else [])
        newest = await house.seq(show_id)
        for viewer in [*plain, *packed]:
            await viewer.up_to(newest)
        assert [is_compressed(one) for one in [*plain, *packed]] == [False] * 2 + [True] * 4
        told = [[wire.encode_json(one) for one in viewer.all(wire.LogEvent)] for viewer in [*plain, *packed]]
        assert told == [told[0]] * 6
        assert len(told[0]) == 5
        await packed[0].say(wire.Ping())
        await packed[0].get(wire.Pong)


async def test_compressed_viewers_get_the_same_bytes_and_each_frame_stands_alone(house: House) -> None:
    show_id = await house.show()
    product_id, _ = await house.product(variants=VARIANTS)
    async with house.another_gateway(deflate=True) as squeezing:
        plain, *packed = [
            Light(upgrade(show_id, extra) + say(wire.Hello()), keep=True)
            for extra in ([], [OFFER], [OFFER], [OFFER + "; client_max_window_bits"])
        ]
        await connect_light(squeezing.place.settings.ws_port, [plain, *packed])
        await until(lambda: all(one.all("welcome") for one in [plain, *packed]))
        assert b"permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n" in packed[0].head
        for n in range(4):
            await house.stage.spotlight(show_id, [product_id] if n % 2 == 0 else [])
        newest = await house.seq(show_id)
        await until(lambda: all(one.seqs[-1:] == [newest] for one in [plain, *packed]))
        frames = [[frame for frame in one.frames if b'"seq"' in inflated(*frame)][1:] for one in [plain, *packed]]
        assert frames[1] == frames[2] == frames[3]
        assert [first for first, _ in frames[1]] == [TEXT | RSV1, TEXT] * 2
        assert [inflated(*one) for one in frames[1]] == [payload for _, payload in frames[0]]
        assert len(frames[1][0][1]) < len(frames[0][0][1]) / 3
        assert len(frames[0][1][1]) < DEFLATE_LEAST_BYTES
        for one in [plain, *packed]:
            one.transport.abort()


async def test_without_the_setting_nobody_is_compressed(house: House) -> None:
    show_id = await house.show()
    product_id, _ = await house.product(variants=VARIANTS)
    viewer = await watch(house, show_id, binary=False)
    raw = Light(upgrade(show_id, [OFFER]) + say(wire.Hello()), keep=True)
    await connect_light(house.place.settings.ws_port, [raw])
    await house.stage.spotlight(show_id, [product_id])
    await viewer.up_to(await house.seq(show_id))
    await until(lambda: raw.seqs == viewer.seqs[-1:])
    assert not is_compressed(viewer)
    assert b"sec-websocket-extensions" not in raw.head.lower()
    assert not any(first & RSV1 for first, _ in raw.frames)
    raw.transport.abort()
    await viewer.leave()
