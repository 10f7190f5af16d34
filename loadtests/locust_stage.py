"""What the locust users of one process share: the show, their notes, and the one who wakes them."""

import os
import secrets
import threading
import time
from pathlib import Path

from live import wire
from loadtests.alarms import Alarms
from loadtests.buyer import Buyer
from loadtests.buyer_plan import plan_of
from loadtests.frames import is_state, is_stock
from loadtests.host import Host
from loadtests.notes import CONNECT, Notes, Tell
from loadtests.records import RunRecord, write_record
from loadtests.server_time import ServerTime
from loadtests.socket_ws import NotUpgradedError, Socket
from loadtests.tiers import Scene
from loadtests.tokens import mint
from loadtests.viewer import Viewer

BACK_S = 0.5
"""After which a viewer comes back that did not get in; up to as much again is added at random."""

LOOK_S = 0.005
"""Most time that somebody who is due waits for being woken."""


class Stage:
    """One show in one locust process.

    Args:
        scene: what is played.
        show_id: the show.
        ws_url: base address of the gateway.
        secret: signs the viewers' tokens.
        folder: of the records.
        tell: gets every named request.
        worker: number of this process among those that play, and how many they are: their buyers' plans take turns.

    Attributes:
        over: the host is through; nobody comes back any more.
        host: the one who plays in this process, if any.
        warned: locust says that this process was too busy.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        show_id: str,
        ws_url: str,
        secret: str,
        folder: Path,
        tell: Tell,
        worker: tuple[int, int] = (0, 1),
    ) -> None:
        self.scene = scene
        self.show_id = show_id
        self.over = self.warned = False
        self.host: Host | None = None
        self.url = f"{ws_url.rstrip('/')}/v1/shows/{show_id}/live"
        self.notes = Notes(tell)
        self.time = ServerTime()
        self.alarms = Alarms()
        self._secret = secret
        self._folder = folder
        # A process id alone may be that of a process on another machine.
        self._name = f"locust-{os.getpid()}-{secrets.token_hex(4)}"
        self._seats: list[Seat] = []
        self._next_buyer, self._workers = worker
        threading.Thread(target=self._wake, daemon=True).start()  # a greenlet: locust has patched threads

    def now_ms(self) -> float:
        """Return the server's time, as far as it is known."""
        return time.time() * 1000 + self.time.ahead_ms

    def new_seat(self, *, buys: bool) -> "Seat":
        """Return the place of one more viewer."""
        subject = f"{self._name}-{len(self._seats)}"
        buyer = None
        if buys:
            buyer = Buyer(subject, plan_of(self._next_buyer, self.scene), self.notes)
            self._next_buyer += self._workers
        token = mint(self._secret, "viewer", subject, self.show_id)
        seat = Seat(self, self.alarms.more(), Viewer(subject, token, self.scene, self.notes, buyer))
        self._seats.append(seat)
        return seat

    def write(self) -> None:
        """Write the records of this process, where it played anybody."""
        if not self._seats and self.host is None:
            return
        record = RunRecord(
            tool="locust",
            tier=self.scene.tier_name,
            shape=self.scene.shape,
            show_id=self.show_id,
            soak_s=self.scene.soak_s,
            host=None if self.host is None else self.host.record,
            viewers=[seat.viewer.record for seat in self._seats],
            waits=self.notes.waits,
            frames=self.notes.frames,
            cpu=self.notes.cpu,
            warned=self.warned,
        )
        write_record(record, self._folder, self._name)

    def _wake(self) -> None:
        while not self.over:
            now_ms = self.now_ms()
            for number in self.alarms.due(now_ms):
                self._seats[number].act(now_ms)
            self.notes.look(time.monotonic(), time.process_time())
            time.sleep(min(LOOK_S, max(0.0, (self.alarms.next_ms - self.now_ms()) / 1000)))


class Seat:
    """A viewer and its connection.

    Args:
        stage: where it is.
        number: its own.
        viewer: what it does.
    """

    def __init__(self, stage: Stage, number: int, viewer: Viewer) -> None:
        self.viewer = viewer
        self._stage = stage
        self._number = number
        self._socket: Socket | None = None

    def live(self) -> None:
        """Watch, and come back whenever the connection ends, until the show is over."""
        stage, viewer = self._stage, self.viewer
        while not stage.over:
            try:
                self._watch()
                if viewer.away_until_ms is None:
                    viewer.lost(stage.now_ms())
            except NotUpgradedError as error:
                stage.notes.failed(CONNECT, str(error))
                viewer.turned_away(stage.now_ms(), (error.retry_after_s or BACK_S) * 1000)
            except OSError as error:
                stage.notes.failed(CONNECT, type(error).__name__)
                viewer.turned_away(stage.now_ms(), BACK_S * 1000)
            until_ms = viewer.away_until_ms or 0.0
            time.sleep(max(0.0, (until_ms - stage.now_ms()) / 1000))

    def _watch(self) -> None:
        stage, viewer = self._stage, self.viewer
        asked_ms = stage.now_ms()
        sock = Socket(stage.url)
        try:
            stage.notes.took(CONNECT, stage.now_ms() - asked_ms)
            sock.send(viewer.hello(asked_ms))
            asked_own_ms = time.time() * 1000
            for payloads in sock.messages():
                now_ms = stage.now_ms()
                frames = sum(map(is_stock, payloads))
                told = [payload for payload in payloads if not is_state(payload)]
                for payload in told:
                    message = wire.decode_server(payload)
                    if isinstance(message, wire.Welcome):
                        self._socket = sock
                        own_ms = time.time() * 1000
                        stage.time.sample(asked_ms=asked_own_ms, answered_ms=own_ms, server_ms=message.server_time_ms)
                    for said in viewer.hear(message, now_ms):
                        sock.send(said)
                if frames:
                    viewer.frames += frames
                    stage.notes.saw_frames(frames, now_ms)
                if told:
                    stage.alarms.note(self._number, viewer.due_ms)
        finally:
            self._socket = None
            sock.close()

    def act(self, now_ms: float) -> None:
        """Do what is due; later, when it is not in."""
        sock, viewer = self._socket, self.viewer
        if sock is None:
            return
        try:
            for said in viewer.act(now_ms):
                sock.send(said)
        except OSError:
            return  # whoever reads notices
        if viewer.away_until_ms is None:
            self._stage.alarms.note(self._number, viewer.due_ms)
        else:
            sock.cut()
