"""The port of the benchmarks: a server that sends events to many viewers, whoever made it.

The crowd is the same for all of them: it writes the greeting piece by piece, then it only reads and looks for the
marker that every event's payload carries.
"""

from typing import Final, Protocol, runtime_checkable

MARKER: Final = b"#00000000#"
"""Where an event's number goes: in the payload of each event it stands once, replaced by ``b"#%08d#" % number``."""

DIGITS: Final = 8
"""Of an event's number in its marker; the first event of a target has number 1, the next one more."""


class Entrance(Protocol):
    """Where a crowd comes in; all that the crowd itself has to know of a server.

    Attributes:
        name: what messages call it; the heading of a target's column, such as ``nchan 1.3``.
        port: where it listens for viewers, on 127.0.0.1; known once the server has started.
    """

    name: str
    port: int

    def greeting(self, viewer: int) -> list[bytes]:
        """Return what a viewer writes, in order; a piece may be held back until the server has answered (greeted)."""
        ...

    def greeted(self, received: bytes) -> int:
        """Return how many pieces of the greeting a viewer may have sent by now.

        Args:
            received: all bytes that the viewer has received so far, ``b""`` at the connect.

        Returns:
            ``len(greeting) + 1`` once the viewer is subscribed: from then on it only reads.
        """
        ...


class Server(Entrance, Protocol):
    """A server under load that is ours to start and to stop."""

    def pids(self) -> list[int]:
        """Return the server processes whose CPU time counts; their children are not added."""
        ...

    def start(self) -> None:
        """Start the server and return when it accepts viewers.

        Raises:
            LoadError: it does not start here; the message is one line with the remedy.
        """
        ...

    def stop(self) -> None:
        """Stop the server; harmless when it does not run."""
        ...


class Target(Server, Protocol):
    """A server whose events are ours to make."""

    def publish(self, payload: bytes, count: int = 1) -> None:
        """Make ``count`` events that arrive together, and return when the server has taken them.

        Args:
            payload: the event, with ``MARKER`` where its number goes; numbers continue from the last call's.
            count: how many events.
        """
        ...


def numbered(payload: bytes, number: int) -> bytes:
    """Return the payload of event ``number``.

    Raises:
        ValueError: the payload has no place for the number.
    """
    if MARKER not in payload:
        raise ValueError("the payload carries no marker")
    return payload.replace(MARKER, b"#%0*d#" % (DIGITS, number))


@runtime_checkable
class HasHeartbeat(Protocol):
    """An entrance whose viewers have to let themselves be heard now and then; optional."""

    def heartbeat(self) -> bytes:
        """Return what a viewer writes for that."""
        ...
