"""The processes of one gateway ask each other, over Unix sockets in a directory that only they can enter.

An operator's request reaches whichever process the kernel picks. That one asks all others at once, and answers for all.
The question is one line, the path; the answer is a MessagePack array, and then the end of the stream.
"""

import asyncio
import functools
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from kit.errors import StartupError
from live.roles.limits import SIBLING_ANSWER_S
from live.roles.siblings import Answer, Seat, merge_metrics, merge_readiness

OwnAnswer = Callable[[], Awaitable[Answer]]

_ANSWER: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
MERGED = {"/readyz": merge_readiness, "/metrics": merge_metrics}


async def hangs(socket: Path) -> bool:
    """Return whether the process behind a socket takes a question and does not answer it within ``SIBLING_ANSWER_S``.

    One that does not listen is about to end, or has: it does not hang.
    """
    try:
        async with asyncio.timeout(SIBLING_ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"/healthz\n")
                await reader.read()
            finally:
                writer.close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


class Siblings:
    """Answers for one process on its socket, and for all of them to whoever asks this one.

    Args:
        seat: which process this is.
    """

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._own: Mapping[str, OwnAnswer] = {}
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._server: asyncio.Server | None = None

    def merged(self, own: Mapping[str, OwnAnswer]) -> dict[str, OwnAnswer]:
        """Take what this process answers for itself, by path, and return what it answers to an operator."""
        self._own = own
        return {**own, **{path: functools.partial(self.answer, path) for path in MERGED}}

    async def listen(self) -> None:
        """Answer siblings from now on; a socket that a dead predecessor left is replaced.

        Raises:
            StartupError: the directory is gone, or its path is too long for a socket.
        """
        path = self._seat.socket(self._seat.number)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path)
        except OSError as error:
            raise StartupError(f"cannot make the socket {path} ({error.strerror or error}); set TMPDIR") from error

    async def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.close()
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def answer(self, path: str) -> Answer:
        """Return the answer of all processes together; a path of ``MERGED``.

        Who asks while an answer is being made gets that one: however many ask, a sibling is asked once at a time.
        """
        task = self._under_way.get(path)
        if task is None or task.done():
            task = self._under_way[path] = asyncio.create_task(self._ask_all(path))
        # Who hangs up must not take the answer from the others.
        return await asyncio.shield(task)

    async def _ask_all(self, path: str) -> Answer:
        answers = await asyncio.gather(*(self._ask(number, path) for number in range(self._seat.count)))
        # In a thread: reading 64 expositions takes 80 ms, in which no viewer would be served.
        return await asyncio.to_thread(MERGED[path], answers)

    async def _ask(self, number: int, path: str) -> Answer | None:
        if number == self._seat.number:
            return await self._own[path]()
        try:
            async with asyncio.timeout(SIBLING_ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self._seat.socket(number))
                try:
                    writer.write(f"{path}\n".encode())
                    return _ANSWER.decode(await reader.read())
                finally:
                    writer.close()
        except (OSError, TimeoutError, msgspec.DecodeError):
            return None

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            path = (await reader.readline()).decode().strip()
            writer.write(msgspec.msgpack.encode(await self._own[path]()))
            await writer.drain()
        except (ConnectionError, KeyError):
            pass  # it asked no more, or for nothing that we know
        finally:
            writer.close()
