"""Seats over real sockets, for tests of the fan-out: what a viewer's connection is, without the handshake."""

import asyncio
import socket
from collections import deque
from typing import Any, Final

import msgspec

from live import wire
from live.fan_out import FanOut
from live.frames import JSON, VARIANTS, Frame, Variant

SOFT_BYTES: Final = 2_000
"""Unread bytes above which a seat takes log events only."""

FILLING: Final = 1_000
"""Bytes of padding of which a few events fill a tight socket."""

TURNS_MOST: Final = 2_000
"""Turns of the loop after which everything has arrived, or never will."""

REPLIES_FROM: Final = 1_000_000
"""Numbers of messages that are a seat's own, and came from nowhere else."""


class Numbered(msgspec.Struct):
    """What tests read of a message: its number."""

    seq: int | None = None
    count: int | None = None

    @property
    def number(self) -> int:
        """The number, wherever this kind of message has it."""
        number = self.count if self.seq is None else self.seq
        assert number is not None
        return number


def log_frame(number: int, padding: int = 0) -> Frame:
    """Return an event of the log."""
    card = wire.ProductCard(product_id="prod_1", title="x" * padding, image=None, variants=[])
    return Frame(wire.ProductSpotlight(seq=number, products=[card]))


def state_frame(number: int) -> Frame:
    """Return state."""
    return Frame(wire.Viewers(count=number))


def numbers(data: bytes | memoryview, *, torn: bool = False) -> list[int]:
    """Return the numbers of whole frames; half a frame is an error, but at the end of what was ``torn``."""
    found: list[int] = []
    rest = bytes(data)
    while rest:
        assert rest[0] in (0x81, 0x82)
        size, at = (rest[1], 2) if rest[1] < 126 else (int.from_bytes(rest[2:4]), 4)
        payload, rest = rest[at : at + size], rest[at + size :]
        if torn and len(payload) < size:
            return found
        assert len(payload) == size
        decode = msgspec.json.decode if data[0] == 0x81 else msgspec.msgpack.decode
        found.append(decode(payload, type=Numbered).number)
    return found


class ASeat:
    """A viewer with the smallest transport that there can be: what the socket does not take waits in memory.

    Attributes:
        left_out: numbers of state that was not sent because too much waited.
        broken: the other end is gone.
        seated: whether it may be sent anything.
        strays: writes that came after it had left.
        handed: writes that did not go straight to the descriptor.
    """

    def __init__(
        self,
        fan_out: "FanOut[ASeat]",
        variant: Variant = JSON,
        *,
        tight: bool = False,
        most_waiting: int | None = None,
        sockets: tuple[socket.socket, socket.socket] | None = None,
    ) -> None:
        self.variant = variant
        self.left_out: list[int] = []
        self.broken = False
        self.seated = False
        self.strays = 0
        self.handed = 0
        self._fan_out = fan_out
        self._most_waiting = most_waiting
        self._ours, self._theirs = sockets or socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        if tight:
            self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel gives its least: 4.5 KB
        self._waiting: deque[bytes] = deque()
        self._read = bytearray()

    @property
    def fd(self) -> int:
        return self._ours.fileno()

    @property
    def is_behind(self) -> bool:
        return bool(self._waiting)

    @property
    def unread(self) -> int:
        return sum(map(len, self._waiting))

    def join(self) -> None:
        self.seated = True
        self._fan_out.join(self)

    def leave(self) -> None:
        self.seated = False
        self._fan_out.leave(self)

    def write(self, data: bytes | memoryview) -> None:
        self.handed += 1
        if not self.seated:
            self.strays += 1
        elif self._waiting:
            self._waiting.append(bytes(data))
            if self._most_waiting is not None and self.unread > self._most_waiting:
                self.leave()
        elif (rest := bytes(data[self._send(data) :])) and not self.broken:
            self._waiting.append(rest)
            self._fan_out.fell_behind(self)

    def write_behind(self, data: bytes, log: bytes) -> None:
        if self.unread > SOFT_BYTES:
            self.left_out += [number for number in numbers(data) if number not in numbers(log)]
            data = log
        if data:
            self.write(data)

    def flush(self) -> None:
        """Let the socket take what it can, as a loop does when it is told that there is room."""
        was_behind = self.is_behind
        while self._waiting:
            rest = self._waiting[0][self._send(self._waiting[0]) :]
            if rest:
                self._waiting[0] = rest
                return
            self._waiting.popleft()
        if was_behind:
            self._fan_out.caught_up(self)

    def catch_up(self) -> None:
        """Let the viewer read all that there is for it."""
        self.read_bytes()
        self.flush()
        while self.is_behind and self._receive():
            self.flush()

    def read(self) -> list[int]:
        """Read what came to the other end; return the numbers of all that ever came."""
        return numbers(self.read_bytes(), torn=not self.seated)

    def read_bytes(self) -> bytes:
        """Read what came to the other end; return all that ever came."""
        while self._receive():
            pass
        return bytes(self._read)

    def read_writes(self) -> list[list[int]]:
        """Return what came, write by write; for sockets that keep writes apart."""
        writes = []
        while True:
            try:
                writes.append(numbers(self._theirs.recv(65_536)))
            except BlockingIOError:
                return writes

    def drop(self) -> None:
        """Close our end: from now on the descriptor may be another's."""
        self._ours.close()

    def hang_up(self) -> None:
        """Close the viewer's end."""
        self._theirs.close()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()

    def _receive(self) -> int:
        try:
            data = self._theirs.recv(65_536)
        except BlockingIOError:
            return 0
        self._read += data
        return len(data)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._ours.send(data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self.broken = True
            return 0


class House:
    """A fan-out, its seats, and what each of them has to read."""

    def __init__(self) -> None:
        self.fan_out: FanOut[ASeat] = FanOut()
        self.seats: list[ASeat] = []
        self.due: dict[ASeat, list[int]] = {}
        self.replies: dict[ASeat, list[int]] = {}
        self.states: set[int] = set()
        self.complete: set[ASeat] = set()  # left, but nothing was on its way to them
        self._leaving: list[ASeat] = []
        self.sent = 0
        self.keeps_state = False  # some was sent, and neither a flush nor an event has let it leave
        self._errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: self._errors.append(context))

    def step(self, name: str, number: int, flag: bool) -> None:
        """Do one thing that can happen within a turn of the loop."""
        if name == "send":
            self.send(number, is_log=flag)
        elif name == "make way":
            self.fan_out.make_way()
        elif name == "flush":
            self.flush()
        elif name == "join":
            self.seat(VARIANTS[number % 2], tight=True, most_waiting=12_000 if flag else None)
        elif seated := [seat for seat in self.seats if seat.seated]:
            seat = seated[number % len(seated)]
            if name == "leave":
                self.leave(seat, at_once=flag)
            elif name == "swap":  # another seat gets the descriptor, and fills it
                self.leave(seat, at_once=True)
                self.reply(self.seat(seat.variant, tight=True), until_full=flag)
            elif name == "stumble":  # full and empty again, maybe more than once
                self.reply(seat)
                seat.catch_up()
                self.reply(seat, until_full=flag)
            elif name == "reply":
                self.reply(seat, until_full=flag)
            elif flag:
                seat.catch_up()
            else:
                seat.flush()

    def send(self, number: int, *, is_log: bool) -> None:
        self.sent += 1
        for seat in self.seats:
            if seat.seated:
                self.due[seat].append(self.sent)
        if not is_log:
            self.states.add(self.sent)
        self.keeps_state = not is_log
        self.fan_out.send(log_frame(self.sent, number * FILLING // 2) if is_log else state_frame(self.sent))

    def flush(self) -> None:
        """Let state leave."""
        self.keeps_state = False
        self.fan_out.flush()

    def seat(
        self,
        variant: Variant = JSON,
        *,
        tight: bool = False,
        most_waiting: int | None = None,
        sockets: tuple[socket.socket, socket.socket] | None = None,
    ) -> ASeat:
        """Seat somebody new."""
        seat = ASeat(self.fan_out, variant, tight=tight, most_waiting=most_waiting, sockets=sockets)
        self.seats.append(seat)
        self.due[seat], self.replies[seat] = [], []
        seat.join()
        return seat

    def leave(self, seat: ASeat, *, at_once: bool) -> None:
        """Let a seat leave; its descriptor is free ``at_once`` or when its connection is lost, a turn later."""
        if not (self.fan_out.busy or self.keeps_state or seat.is_behind):
            self.complete.add(seat)
        seat.leave()
        if at_once:
            seat.drop()

    def reply(self, seat: ASeat, *, until_full: bool = True) -> list[int]:
        """Send a seat messages of its own; return all their numbers."""
        replies = self.replies[seat]
        more = seat.seated
        while more:
            replies.append(REPLIES_FROM + len(replies))
            seat.write(log_frame(replies[-1], FILLING).of(seat.variant))
            more = until_full and not seat.is_behind
        return replies

    async def turn(self, *, all_read: bool = False) -> None:
        """Let the loop turn; who left in the turn before has lost its connection by now."""
        for seat in self._leaving:
            seat.leave()  # a connection that is lost leaves again
            seat.drop()
        known = set(self._leaving)
        self._leaving = [seat for seat in self.seats if not seat.seated and seat.fd >= 0 and seat not in known]
        if all_read:
            for seat in self.seats:
                if seat.seated:
                    seat.catch_up()
        await asyncio.sleep(0)
        assert self._errors == []

    async def turns(self) -> None:
        """Let the loop turn until nothing is on its way."""
        for _ in range(TURNS_MOST):
            if not self.fan_out.busy:
                return
            await self.turn()
        raise AssertionError("it never ends")

    async def settle(self) -> None:
        """Let state leave, and go on until everyone who sits here has read everything."""
        self.flush()
        await self.turn()
        await self.turn()
        for _ in range(TURNS_MOST):
            if not self.fan_out.busy and not any(seat.is_behind for seat in self.seats if seat.seated):
                return
            await self.turn(all_read=True)
        raise AssertionError("it never ends")

    def check(self) -> None:
        assert set(self.fan_out) == {seat for seat in self.seats if seat.seated}
        assert len(self.fan_out) == len(set(self.fan_out))
        for seat in self.seats:
            assert seat.strays == 0
            assert set(seat.left_out) <= self.states
            due = [number for number in self.due[seat] if number not in seat.left_out]
            frames = [number for number in seat.read() if number < REPLIES_FROM]
            if seat.seated or seat in self.complete:
                assert frames == due
                assert [number for number in seat.read() if number >= REPLIES_FROM] == self.replies[seat]
            else:
                assert frames == due[: len(frames)]

    def close(self) -> None:
        for seat in self.seats:
            seat.close()


def several(house: House, count: int) -> list[ASeat]:
    """Seat so many whose sockets keep writes apart."""
    return [house.seat(sockets=socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)) for _ in range(count)]
