"""What the viewers of a load test wrote down, and the files in which it is kept for the verifier.

Every process that plays viewers writes one file; the verifier reads a folder of them, and writes its verdict there.
"""

from pathlib import Path

import msgspec

from loadtests.waits import Waits

SUFFIX = ".records"

VERDICT = "verdict.json"
"""Where the verifier writes what it found in a folder."""


class ClaimRecord(msgspec.Struct, kw_only=True):
    """A claim of one claim id.

    Attributes:
        sends: how often it was sent.
        answers: hold ids, or ``!`` and the reason of a refusal, in the order of arrival.
        sent_after_ms: when it was sent, each time, in milliseconds after the offer's start.
    """

    offer_id: str
    sends: int = 0
    answers: list[str] = []
    sent_after_ms: list[int] = []

    @property
    def holds(self) -> set[str]:
        """The holds that it was answered with."""
        return {answer for answer in self.answers if not answer.startswith("!")}


class ViewerRecord(msgspec.Struct, kw_only=True):
    """What one viewer saw and was told.

    Attributes:
        last_seq: position of the newest event; 0 before the first welcome.
        events: of the log, each counted once.
        gaps: events that were skipped on the way to a later one.
        repeats: events that came again.
        welcomes: all of them.
        snapshots: welcomes with a snapshot although the viewer said where it was.
        frames: stock counts in the soaks.
        lost: connections that ended although nobody of the load test cut them.
        claims: by claim id.
        promoted: holds that came from the waiting list.
        deadlines: by hold, when it ends unless it is paid; in milliseconds since the epoch, by the server's clock.
        expired: holds that ran out.
        released: holds that were given back.
        ended_away: holds that ended while it was not connected; how, nobody told it.
        submitted: orders by hold; more than one is a fault.
        confirmed: the same, of confirmed ones.
        told_twice: news of orders that one connection was told again.
        other_news: of orders; none belongs here.
        errors: codes of what could not be served.
        unanswered: checkouts, releases and joins of a waiting list that wait for their answers: what, and of which.
    """

    subject: str
    last_seq: int = 0
    events: int = 0
    gaps: int = 0
    repeats: int = 0
    welcomes: int = 0
    snapshots: int = 0
    frames: int = 0
    lost: int = 0
    claims: dict[str, ClaimRecord] = {}
    promoted: dict[str, str] = {}
    deadlines: dict[str, int] = {}
    expired: list[str] = []
    released: list[str] = []
    ended_away: list[str] = []
    submitted: dict[str, list[str]] = {}
    confirmed: dict[str, list[str]] = {}
    told_twice: int = 0
    other_news: list[str] = []
    errors: list[str] = []
    unanswered: list[str] = []

    @property
    def offer_of_hold(self) -> dict[str, str]:
        """The offers of all its holds."""
        return {hold: claim.offer_id for claim in self.claims.values() for hold in claim.holds} | self.promoted


class HostRecord(msgspec.Struct, kw_only=True):
    """What the host did.

    Attributes:
        ended: whether the host came to the end.
        drops: offers that have to be sold out, by id, and their units.
        trickles: offers of which nothing is sold.
        soaks_ms: when each of those was open, from and to; in milliseconds since the epoch, by the server's clock.
    """

    show_id: str
    ended: bool = False
    drops: dict[str, int] = {}
    trickles: list[str] = []
    soaks_ms: list[tuple[float, float]] = []


class RunRecord(msgspec.Struct, kw_only=True):
    """What one process of a load test has.

    Attributes:
        tool: ``locust`` or ``swarm``.
        soak_s: how long the soak was to be; None: as long as the tier says.
        host: in the process of the host only.
        waits: by name.
        frames: frames with a stock count by second since the epoch, all viewers together.
        cpu: share of a core that the process used, second by second.
        warned: the tool itself said that it was too busy.
    """

    tool: str
    tier: str
    shape: str
    show_id: str
    soak_s: float | None = None
    host: HostRecord | None = None
    viewers: list[ViewerRecord] = []
    waits: dict[str, Waits] = {}
    frames: dict[int, int] = {}
    cpu: list[float] = []
    warned: bool = False


def write_record(record: RunRecord, folder: Path, name: str) -> None:
    """Write a process's file; a run that ended twice has it once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{SUFFIX}").write_bytes(msgspec.msgpack.encode(record))


def clear_records(folder: Path) -> None:
    """Remove an earlier run's records and its verdict, which would else stand for a new run that fails."""
    for old in folder.glob(f"*{SUFFIX}"):
        old.unlink()
    (folder / VERDICT).unlink(missing_ok=True)


def read_records(folder: Path) -> list[RunRecord]:
    """Return what is in a folder.

    Raises:
        ValueError: there is nothing, a file is no record, or what is there belongs to several shows.
    """
    records = [_read(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    if not records:
        raise ValueError(f"there are no records in {folder}: did the load run to its end?")
    if len({record.show_id for record in records}) > 1:
        raise ValueError(f"the records in {folder} are of several shows: use an empty folder for each run")
    return records


def _read(path: Path) -> RunRecord:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=RunRecord)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is no record of a load test, or was cut off: {error}") from error
