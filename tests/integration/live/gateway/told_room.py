"""The rooms that a gateway opens, for tests that need one in their hands."""

from collections.abc import Callable

import pytest

from live import wire
from live.frames import JSON, Frame
from live.gateway_figures import GatewayFigures
from live.room import Room


class ToldRoom(Room):
    """A room that remembers what it tells everyone.

    Attributes:
        rounds: what left together, in order: frames.
        makes_way: whether its state is being read.
    """

    rounds: list[list[bytes]]
    makes_way = False

    def make_way(self) -> None:
        self.makes_way = True
        super().make_way()

    def broadcast(self, frame: Frame) -> None:
        self.rounds[-1].append(frame.of(JSON))
        super().broadcast(frame)

    def flush(self) -> None:
        self.makes_way = False
        self.rounds.append([])
        super().flush()


def keep_rooms(monkeypatch: pytest.MonkeyPatch) -> list[ToldRoom]:
    """Return a list that every room joins which the gateway opens from now on."""
    rooms: list[ToldRoom] = []

    def kept(
        show_id: str,
        epoch: str,
        seq: int,
        snapshot: wire.Snapshot,
        *,
        busy: Callable[[], bool],
        figures: GatewayFigures,
    ) -> ToldRoom:
        room = ToldRoom(show_id, epoch, seq, snapshot, busy=busy, figures=figures)
        room.rounds = [[]]
        rooms.append(room)
        return room

    monkeypatch.setattr("live.room_opening.Room", kept)
    return rooms
