"""The swarm: all viewers of a scene in one process, over raw sockets and one epoll.

What a viewer does is ``viewer.py``'s, as with locust; here is only how ten thousand of them fit on one core. Most reads
are state frames, the same bytes for everyone: those are counted and not decoded.
"""

import heapq
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from live import wire
from loadtests.alarms import Alarms
from loadtests.bench.board import Board, Count
from loadtests.bench.claim_frames import payloads
from loadtests.bench.client_frames import after_headers, first_frame_complete, text_frame, upgrade_request
from loadtests.bench.crowd import Coming, CrowdLoop, CrowdPlan
from loadtests.bench.markers import HEAD
from loadtests.bench.target import Entrance
from loadtests.buyer import Buyer
from loadtests.buyer_plan import plan_of
from loadtests.frames import is_state, is_stock
from loadtests.notes import Notes
from loadtests.records import RunRecord, write_record
from loadtests.tiers import Scene
from loadtests.tokens import mint
from loadtests.viewer import Viewer

_PATIENCE_S: Final = 0.02


class Swarm:
    """A scene as a crowd comes into it: a show on a gateway that somebody else runs.

    Args:
        port: of the gateway, on this machine.
        show_id: the show.
        secret: signs the viewers' tokens.
        scene: what is played.
        folder: where the records go.
    """

    name = "the swarm"

    def __init__(self, port: int, show_id: str, secret: str, scene: Scene, folder: Path) -> None:
        self.port = port
        self.show_id = show_id
        self.scene = scene
        self.folder = folder
        self.notes = Notes()
        self.viewers = [self._viewer(number, secret) for number in range(scene.tier.viewers)]
        self._upgrade = upgrade_request(f"/v1/shows/{show_id}/live", port)

    def _viewer(self, number: int, secret: str) -> Viewer:
        subject = f"swarm-{number}"
        is_buyer = number < self.scene.tier.buyers
        buyer = Buyer(subject, plan_of(number, self.scene), self.notes) if is_buyer else None
        return Viewer(subject, mint(secret, "viewer", subject, self.show_id), self.scene, self.notes, buyer)

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade and the ``hello``; the viewer is on its way from now on."""
        return [self._upgrade, text_frame(self.viewers[viewer].hello(time.time() * 1000))]

    def greeted(self, received: bytes) -> int:
        """Hold the ``hello`` back until the upgrade was answered; who has the whole welcome is in."""
        frames = after_headers(received)
        if frames is None:
            return 1
        return 3 if first_frame_complete(frames) else 2


class SwarmLoop(CrowdLoop):
    """A crowd that plays a scene.

    Args:
        target: a ``Swarm``.
        plan: how many there are.
        board: where who came in is noted.
        owner: ends it.
    """

    def __init__(self, target: Entrance, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        super().__init__(target, plan, board, owner)
        assert isinstance(target, Swarm)
        self._swarm = target
        self._viewers = target.viewers
        self._notes = target.notes
        self._take = self._take_messages
        self._fds = [-1] * plan.viewers
        self._rests: dict[int, bytes] = {}  # by viewer, the beginning of a frame
        self._alarms = Alarms(plan.viewers)
        self._state = b""  # the newest read that was nothing but state, ...
        self._state_frames = 0  # ... and how many stock counts are in it
        self._seen_frames = 0
        self._memo: tuple[bytes, wire.ServerMessages] | None = None
        # The join storm: everyone in turn, over the time of the tier.
        every_s = target.scene.tier.join_s / max(plan.viewers, 1)
        self._outside = []
        self._later = [(time.monotonic() + viewer * every_s, viewer) for viewer in range(plan.viewers)]

    def run(self) -> None:
        """Play until the owner ends it, then write the records."""
        super().run()
        scene = self._swarm.scene
        record = RunRecord(
            tool="swarm",
            tier=scene.tier_name,
            shape=scene.shape,
            show_id=self._swarm.show_id,
            soak_s=scene.soak_s,
            viewers=[viewer.record for viewer in self._viewers],
            waits=self._notes.waits,
            frames=self._notes.frames,
            cpu=self._notes.cpu,
        )
        write_record(record, self._swarm.folder, "swarm")

    def _turn(self) -> bool:
        now_ms = time.time() * 1000
        for number in self._alarms.due(now_ms):
            self._act(number, now_ms)
        self._patience_s = min(_PATIENCE_S, max((self._alarms.next_ms - now_ms) / 1000, 0.0))
        alive = super()._turn()
        if self._seen_frames:
            self._notes.saw_frames(self._seen_frames, time.time() * 1000)
            self._seen_frames = 0
        self._notes.look(time.monotonic(), time.process_time())
        return alive

    # --- one viewer -----------------------------------------------------------------------------------------------

    def _act(self, number: int, now_ms: float) -> None:
        viewer = self._viewers[number]
        if self._fds[number] not in self._readers:  # it acts when it is in again
            return
        for payload in viewer.act(now_ms):
            self._write(number, payload)
        if viewer.away_until_ms is None:
            self._alarms.note(number, viewer.due_ms)
        elif self._fds[number] in self._readers:
            self._part(number, viewer.away_until_ms, now_ms)

    def _write(self, number: int, payload: bytes) -> None:
        fd = self._fds[number]
        if fd in self._readers:
            try:
                self._socks[fd].send(text_frame(payload))
            except OSError:
                self._lose(fd)

    def _part(self, number: int, until_ms: float, now_ms: float) -> None:
        """End a viewer's connection, and bring it back then."""
        fd, self._fds[number] = self._fds[number], -1
        del self._readers[fd]
        self._rests.pop(number, None)
        self._socks.pop(fd).close()
        heapq.heappush(self._later, (time.monotonic() + (until_ms - now_ms) / 1000, number))

    def _lose(self, fd: int) -> None:
        if fd not in self._readers:  # it was noticed while writing
            return
        number, now_ms = self._readers[fd][1], time.time() * 1000
        viewer = self._viewers[number]
        viewer.lost(now_ms)
        self._counts[Count.LOST] += 1
        assert viewer.away_until_ms is not None
        self._part(number, viewer.away_until_ms, now_ms)

    def _enter(self, coming: Coming) -> None:
        number = coming.viewer
        data = after_headers(bytes(coming.received)) or b""
        found, rest_at = payloads(data, 0, len(data))
        if rest_at < len(data):
            self._rests[number] = data[rest_at:]
        self._fds[number] = coming.sock.fileno()
        super()._enter(coming)
        self._hear_all(number, [data[start:stop] for start, stop in found], time.time() * 1000)
        self._alarms.note(number, self._viewers[number].due_ms)

    # --- the hot path ---------------------------------------------------------------------------------------------

    def _take_messages(self, number: int, size: int, _at_ns: int) -> None:
        """Take what a viewer has read: ``size`` bytes from ``HEAD`` on."""
        buffer = self._markers.buffer
        rest = self._rests.pop(number, b"") if self._rests else b""
        if not rest and size == len(self._state) and buffer.startswith(self._state, HEAD):
            self._seen_frames += self._state_frames
            self._viewers[number].frames += self._state_frames
            return
        data = rest + buffer[HEAD : HEAD + size] if rest else bytes(buffer[HEAD : HEAD + size])
        found, rest_at = payloads(data, 0, len(data))
        if rest_at < len(data):
            self._rests[number] = bytes(data[rest_at:])
        others = [bytes(data[start:stop]) for start, stop in found if not is_state(data, start)]
        stock = sum(is_stock(data, start) for start, _ in found)
        self._seen_frames += stock
        self._viewers[number].frames += stock
        if others:
            self._hear_all(number, others, time.time() * 1000)
        elif not rest and rest_at == len(data):
            self._state, self._state_frames = bytes(data), stock

    def _hear_all(self, number: int, messages: list[bytes], now_ms: float) -> None:
        viewer = self._viewers[number]
        for payload in messages:
            if not payload.startswith(b"{"):  # a close frame: the end of the connection follows
                continue
            if self._memo is None or self._memo[0] != payload:
                self._memo = (payload, wire.decode_server(payload))
            for said in viewer.hear(self._memo[1], now_ms):
                self._write(number, said)
        self._alarms.note(number, viewer.due_ms)
