"""A clock that runs faster, with real sockets beside it."""

import asyncio
import time

from live.bench.faster_loop import FasterLoop


def test_a_pause_is_over_so_much_sooner_and_as_long_by_the_loops_own_clock() -> None:
    async def pause() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began, began_here = time.monotonic(), loop.time()
        await asyncio.sleep(60.0)
        return time.monotonic() - began, loop.time() - began_here

    with asyncio.Runner(loop_factory=lambda: FasterLoop(200)) as runner:
        took, took_here = runner.run(pause())
    assert 0.3 <= took < 30
    assert took_here >= 60


def test_a_time_limit_that_is_over_cuts_off_what_a_socket_is_waited_for() -> None:
    async def wait_for_nobody() -> float:
        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(never, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        began = time.monotonic()
        try:
            async with asyncio.timeout(10):
                await reader.read(1)
        except TimeoutError:
            return time.monotonic() - began
        finally:
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
        raise AssertionError("nobody wrote anything")

    with asyncio.Runner(loop_factory=lambda: FasterLoop(100)) as runner:
        assert 0.1 <= runner.run(wait_for_nobody()) < 2
