"""The checks of how quick everything was, and of whether the load client was; pure."""

from loadtests.limits import (
    CLAIM_MOST_P99_MS,
    CONFIRM_MOST_MS,
    EVENT_MOST_P99_MS,
    FRAMES_LEAST_PER_S,
    FRAMES_LOW_PER_S,
    FRAMES_LOW_SHARE,
    LATE_MOST_P99_MS,
)
from loadtests.notes import CLAIM, CONFIRM, EVENT, LATE, LATE_CLAIM
from loadtests.verifier.evidence import Evidence
from loadtests.verifier.found import Found
from loadtests.waits import Waits


def claims_quick(evidence: Evidence) -> Found:
    """The p99 of a claim's answer, wherever there was an offer; every answer was timed."""
    waits = evidence.waits(CLAIM)
    figures, faults = _quick(waits, CLAIM_MOST_P99_MS, wanted=_offers(evidence))
    answers = sum(len(claim.answers) for viewer in evidence.viewers for claim in viewer.claims.values())
    faults += [f"{answers:,} answers, {waits.count:,} timed"] if waits.count != answers else []
    return figures, faults


def events_quick(evidence: Evidence) -> Found:
    """The p99 of an event's way to the viewers; every show has events."""
    return _quick(evidence.waits(EVENT), EVENT_MOST_P99_MS, wanted=True)


def _offers(evidence: Evidence) -> bool:
    return bool(evidence.host.drops or evidence.host.trickles)


def _quick(waits: Waits, most_ms: int, *, wanted: bool) -> Found:
    p99_ms = waits.share_ms(0.99)
    faults = ["none was timed"] if wanted and not waits.count else []
    faults += [f"p99 {p99_ms} ms, at most {most_ms} ms"] if p99_ms > most_ms else []
    return _times(waits), faults


def _times(waits: Waits) -> str:
    p50_ms, p99_ms, most_ms = (waits.share_ms(share) for share in (0.5, 0.99, 1.0))
    return f"p50 {p50_ms} ms, p99 {p99_ms} ms, most {most_ms} ms, of {waits.count:,}"


def confirms_quick(evidence: Evidence) -> Found:
    """Every buyer hears of their order while they wait for it, and every wait was timed.

    News that was lost is told again to whoever comes back, so it is not missing in the end, only late.
    """
    waits, confirmed = evidence.waits(CONFIRM), len(evidence.told(lambda viewer: viewer.confirmed))
    faults = [f"{confirmed:,} orders confirmed, {waits.count:,} timed"] if waits.count < confirmed else []
    slowest_ms = waits.share_ms(1.0)
    # Who was cut while gateways were replaced, or whose worker was, waits for the way back.
    faults += [f"one took {slowest_ms} ms"] if slowest_ms > CONFIRM_MOST_MS and not evidence.rolled else []
    return _times(waits), faults


def frames_steady(evidence: Evidence) -> Found:
    """In the soak every viewer sees the stock change ten times a second, in each second.

    Where gateways were replaced only the middle second is judged: who was cut meanwhile has seen less.
    """
    if not any(cue.do == "trickle" for cue in evidence.scene.cues):
        return "no soak", []
    seconds = sorted(evidence.frames_per_s())
    if not seconds:
        return "none", ["no whole second of a soak was played"]
    middle, low = seconds[len(seconds) // 2], seconds[int(len(seconds) * FRAMES_LOW_SHARE)]
    least = FRAMES_LEAST_PER_S * evidence.soaks_s
    few = sum(viewer.frames < least for viewer in evidence.viewers)
    faults = [f"at least {FRAMES_LEAST_PER_S:g}"] if middle < FRAMES_LEAST_PER_S else []
    if not evidence.rolled:
        faults += [f"{low:.1f} in the worst seconds, at least {FRAMES_LOW_PER_S:g}"] if low < FRAMES_LOW_PER_S else []
        faults += [f"{few:,} viewers saw fewer than {least:.0f} in all"] if few else []
    figures = f"{middle:.1f} frames/s and viewer, {low:.1f} in the worst seconds; "
    return figures + f"{middle * len(evidence.viewers):,.0f}/s in all", faults


def client_quick(evidence: Evidence) -> Found:
    """The load client wrote its claims when they were due, and did not call itself too busy."""
    own = evidence.waits(LATE_CLAIM)
    late, claims = evidence.waits(LATE).share_ms(0.99), own.share_ms(0.99)
    faults = ["none of its claims was timed"] if _offers(evidence) and not own.count else []
    faults += [f"its claims were {claims} ms late"] if claims > LATE_MOST_P99_MS else []
    faults += ["locust warns of its own CPU usage"] if any(run.warned for run in evidence.runs) else []
    cpu = sorted(share for run in evidence.runs for share in run.cpu)
    busy = f"{cpu[len(cpu) // 2]:.0%} of a core, at most {cpu[-1]:.0%}" if cpu else "?"
    return f"writes p99 {late} ms late, claims {claims} ms; {busy}", faults
