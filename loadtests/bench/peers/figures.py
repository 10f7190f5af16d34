"""What a peer's run found, pure."""

from statistics import median

import msgspec


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a server, and the floor's from the same minutes; a value for each round.

    Attributes:
        floor: of the floor.
        server: of the server.
    """

    floor: list[float]
    server: list[float]

    @property
    def figure(self) -> float:
        """The server's median."""
        return median(self.server)

    @property
    def floor_figure(self) -> float:
        """The floor's median."""
        return median(self.floor)

    @property
    def ratio(self) -> float:
        """The server's median against the floor's."""
        return self.figure / self.floor_figure


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one server.

    Attributes:
        key: as ``--only`` takes it.
        name: with the version.
        one_us: server CPU per delivery, one event at a time.
        together_us: the same per event, eight events together; the floor's is one at a time.
        p99_ms: what 99 % of the deliveries took at most, from the event to the viewer, at ten events a second.
        viewer_bytes: memory of the server's process for one idle viewer.
        wire_bytes: that a viewer reads per delivery.
        crowd_share: of its core, that the load client used at most; near 1 it may have made the figures.
        faults: events that did not reach everyone in order and once; empty when all did.
    """

    key: str
    name: str
    one_us: Pair
    together_us: Pair
    p99_ms: Pair
    viewer_bytes: float
    wire_bytes: float
    crowd_share: float
    faults: list[str] = []
