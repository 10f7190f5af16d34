"""What the host writes down, without any server."""

import msgspec
import pytest

from loadtests.errors import LoadError
from loadtests.host import Host
from loadtests.tiers import PREHEAT_MS, Cue, scene

AHEAD_MS = 1_000_000.0


def call(_method: str, path: str, _body: object | None) -> dict[str, object]:
    if path.endswith("/end"):
        raise LoadError("that is all")
    return {"offer_id": "offer_1", "items": []}


def test_a_soak_is_written_down_by_the_clock_of_the_server() -> None:
    readings = iter([AHEAD_MS, AHEAD_MS + 9_000])
    cues = (Cue(at_s=0.0, do="trickle"), Cue(at_s=0.0, do="close"))
    short = msgspec.structs.replace(scene("XS", "show"), cues=cues, length_s=0.0)
    host = Host(call, short, lambda _: None, lambda: next(readings))
    with pytest.raises(LoadError):
        host.perform("show_1")
    assert host.record.soaks_ms == [(AHEAD_MS + PREHEAT_MS, AHEAD_MS + 9_000)]
    assert (host.record.trickles, host.record.ended) == (["offer_1"], False)
