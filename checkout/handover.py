"""Bytes handed from one task to another, never more than a bound ahead. And line ends as CSV files have them."""

import asyncio


class HandoverStoppedError(Exception):
    """Nobody takes what is handed over any more."""


class Handover:
    """What one task has written and another has not read.

    Args:
        most_bytes: with so many waiting, the writer waits; one piece may go beyond.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._ended = False
        self._stopped = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def put(self, piece: bytes) -> None:
        """Hand a piece over, as soon as there is room.

        Raises:
            HandoverStoppedError: ``stop`` was called, before or meanwhile.
        """
        while self._bytes >= self._most_bytes and not self._stopped:
            self._emptied.clear()
            await self._emptied.wait()
        if self._stopped:
            raise HandoverStoppedError
        self._pieces.append(piece)
        self._bytes += len(piece)
        self._filled.set()

    def stop(self) -> None:
        """Refuse further pieces; what was handed over can still be taken."""
        self._stopped = True
        self._emptied.set()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ended = True
        self._filled.set()

    async def take(self) -> bytes:
        """Return all that waits, in one piece; empty at the end."""
        while not self._pieces and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        self._emptied.set()
        return taken


class CrlfLines:
    """Turns the line feeds that end a CSV line into CR LF, as RFC 4180 has it; those inside quotes stay.

    Postgres ends lines with a line feed. Text may be cut anywhere between two calls.
    """

    def __init__(self) -> None:
        self._quoted = False

    def convert(self, text: bytes) -> bytes:
        """Return the next part of the file."""
        # A doubled quote inside quotes ends and begins them again, so only the parity counts.
        parts = text.split(b'"')
        for outside in range(1 if self._quoted else 0, len(parts), 2):
            parts[outside] = parts[outside].replace(b"\n", b"\r\n")
        self._quoted ^= len(parts) % 2 == 0
        return b'"'.join(parts)
