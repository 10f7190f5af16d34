import asyncio

from loadtests.bench.peers.batch import TAKEN, encode_batch
from loadtests.bench.peers.control import HOST, serve_control
from loadtests.free_ports import free_ports


async def test_a_batch_is_answered_after_its_last_event_was_broadcast() -> None:
    seen: list[bytes] = []
    may_go_on = asyncio.Event()

    async def broadcast(event: bytes) -> None:
        if event == b"two":
            await may_go_on.wait()
        seen.append(event)

    [port] = free_ports(1)
    async with await serve_control(port, "peer 1.0", broadcast):
        reader, writer = await asyncio.open_connection(HOST, port)
        assert await reader.readline() == b"peer 1.0\n"
        writer.write(encode_batch([b"one", b"two"]))
        answer = asyncio.create_task(reader.readexactly(1))
        while not seen:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert (seen, answer.done()) == ([b"one"], False)
        may_go_on.set()
        assert (await answer, seen) == (TAKEN, [b"one", b"two"])
        writer.close()
        await writer.wait_closed()
