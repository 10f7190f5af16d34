"""Showdrop as a target: a gateway of its own, a show, and viewers with tokens."""

import time

import jwt

from live import wire
from loadtests.bench.client_frames import PING, after_headers, first_frame_complete, text_frame, upgrade_request
from loadtests.bench.limits import READY_TIMEOUT_S
from loadtests.bench.publish_redis import LogPublisher
from loadtests.bench.result import OURS
from loadtests.bench.server import Gateway, Stand
from loadtests.errors import LoadError

_TOKEN_S = 3_600


class Showdrop:
    """One show on a gateway.

    Args:
        stand: the servers.
        cores: where the gateway runs; empty leaves it to the system.
        sent_at_ns: by number, when each event was appended.
        processes: of the gateway.
        with_offer: whether the show has an open offer.
        name: of its column.

    Attributes:
        resume_at: viewers who come from now on say that they have everything up to here; None: they are new.
    """

    def __init__(
        self,
        stand: Stand,
        cores: frozenset[int],
        sent_at_ns: memoryview,
        *,
        processes: int = 1,
        with_offer: bool = False,
        name: str = OURS,
    ) -> None:
        self.name = name
        self.port = 0
        self.resume_at: wire.Position | None = None
        self._stand = stand
        self._cores = cores
        self._sent_at_ns = sent_at_ns
        self._processes = processes
        self._with_offer = with_offer
        self._gateway: Gateway | None = None
        self._publisher: LogPublisher | None = None
        self._show_id = ""

    @property
    def show_id(self) -> str:
        """The show; empty before the start."""
        return self._show_id

    def pids(self) -> list[int]:
        """Return the gateway's processes."""
        return [] if self._gateway is None else self._gateway.pids()

    def heartbeat(self) -> bytes:
        """Return a ping frame."""
        return PING

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade and the ``hello`` with this viewer's own token."""
        claims = {
            "sub": f"viewer-{viewer}",
            "role": "viewer",
            "show_id": self._show_id,
            "exp": int(time.time()) + _TOKEN_S,
        }
        hello = wire.Hello(token=jwt.encode(claims, self._stand.secret, algorithm="HS256"), resume=self.resume_at)
        return [
            upgrade_request(f"/v1/shows/{self._show_id}/live", self.port),
            text_frame(wire.encode_json(hello)),
        ]

    def greeted(self, received: bytes) -> int:
        """Hold the ``hello`` back until the upgrade was answered; who has the whole welcome is in."""
        frames = after_headers(received)
        if frames is None:
            return 1
        return 3 if first_frame_complete(frames) and b'"type":"welcome"' in frames else 2

    @property
    def number(self) -> int:
        """Number of the newest event."""
        return self._started.number

    def position(self) -> wire.Position:
        """Return where the log is after the newest event."""
        return self._started.position()

    def publish(self, payload: bytes, count: int = 1) -> None:
        """Append ``count`` spotlights as long as the payload."""
        self._started.publish(payload, count)

    def start(self) -> None:
        """Make the show, wait until its own events are in the log, and start the gateway.

        Raises:
            LoadError: something of that failed; the message is one line.
        """
        self._show_id = self._stand.host.new_show()
        if self._with_offer:
            self._stand.host.open_offer(self._show_id, self._stand.stock(), quantity=10)
        self._publisher = self._wait_for_log()
        self._gateway = self._stand.gateway(self._processes, self._cores)
        self.port = self._gateway.port

    def stop(self) -> None:
        """Stop the gateway; the show stays."""
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    @property
    def _started(self) -> LogPublisher:
        if self._publisher is None:
            raise LoadError("the show was not started")
        return self._publisher

    def _wait_for_log(self) -> LogPublisher:
        wanted = self._stand.host.position(self._show_id)
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_at:
            publisher = LogPublisher(self._stand.redis_url, self._show_id, self._sent_at_ns)
            if publisher.position().seq >= wanted:
                return publisher
            publisher.close()
            time.sleep(0.1)
        raise LoadError("the events of a new show did not reach the log")
