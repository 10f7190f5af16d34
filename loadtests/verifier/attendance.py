"""The checks of what the load test itself did: whether the show was played as its scene says. Pure.

Without them a load that never came would look like a server that bore it.
"""

import math
from collections import Counter

from loadtests.limits import BUYERS_LEAST, FIRST_SECOND_LEAST
from loadtests.tiers import TAPS_EACH
from loadtests.verifier.evidence import Evidence
from loadtests.verifier.found import Found


def played(evidence: Evidence) -> Found:
    """Everyone came, once, and stayed, cut by the server only when it was replaced; the host did all of its scene."""
    viewers, scene, host = evidence.viewers, evidence.scene, evidence.host
    wanted = scene.tier.viewers
    faults = [] if host.ended else ["the host did not come to the end of the show"]
    cues = Counter(cue.do for cue in scene.cues)
    did = {
        "drops": (len(host.drops), cues["drop"]),
        "trickles": (len(host.trickles), cues["trickle"]),
        "soaks": (len(host.soaks_ms), cues["trickle"]),
    }
    faults += [f"{count} {what} instead of {planned}" for what, (count, planned) in did.items() if count != planned]
    if len(viewers) != wanted:
        faults.append(f"{len(viewers)} viewers instead of {wanted}")
    named = Counter(viewer.subject for viewer in viewers)
    faults += [f"{count} viewers are {subject}" for subject, count in named.items() if count > 1]
    away = sum(1 for viewer in viewers if not viewer.welcomes)
    lost = sum(viewer.lost for viewer in viewers)
    faults += [f"{away} never came in"] if away else []
    faults += [f"{lost} connections were cut by the server"] if lost and not evidence.rolled else []
    return f"{len(viewers):,} viewers, {sum(viewer.welcomes for viewer in viewers):,} welcomes", faults


def tapped(evidence: Evidence) -> Found:
    """In each drop as many tapped as the tier says, and in its first second nearly as often.

    How soon is not judged where gateways were replaced: who was cut meanwhile taps when it is back.
    """
    tier, drops = evidence.scene.tier, evidence.host.drops
    if not drops:
        return "no drop", []
    by_offer, soon_by_offer = evidence.buyers(), evidence.sent_within(1_000)
    buyers, soon = [by_offer[offer_id] for offer_id in drops], [soon_by_offer[offer_id] for offer_id in drops]
    buyers_least = math.ceil(BUYERS_LEAST * tier.buyers)
    soon_least = math.ceil(FIRST_SECOND_LEAST * (tier.first_second_claims - TAPS_EACH))
    faults = [f"{count:,} buyers, at least {buyers_least:,}" for count in buyers if count < buyers_least]
    if not evidence.rolled:
        late = [count for count in soon if count < soon_least]
        faults += [f"{count:,} claims in the first second, at least {soon_least:,}" for count in late]
    figures = f"{min(buyers):,} of {tier.buyers:,} buyers, {min(soon):,} claims in the first second"
    return figures + (f", the least of {len(drops)} drops" if len(drops) > 1 else ""), faults
