"""What the server says when a load test is over: over public HTTP, and by ``showdrop reconcile``."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadtests.api_http import Api
from loadtests.limits import QUIET_TIMEOUT_S, RECONCILE_TIMEOUT_S
from loadtests.records import HostRecord
from loadtests.role_http import showdrop
from loadtests.verifier.evidence import OfferFacts, OrderFacts, ServerFacts

PAGE_ORDERS: Final = 1_000
"""Orders of one page: as many as the API gives."""

UNDER_WAY: Final = ("submitted", "authorised", "confirmed")
"""States that an order does not stay in."""

POLL_S: Final = 0.25


def ask_server(api: Api, host: HostRecord, *, reconciled: int | None) -> ServerFacts:
    """Wait until all is quiet, and return what the API says.

    Args:
        api: with a host's token.
        host: names the show and its offers.
        reconciled: how ``showdrop reconcile`` ended; None when it was not asked.

    Raises:
        LoadError: it does not answer.
    """
    not_quiet = _wait_quiet(api, host)
    report = api.call("GET", f"/v1/shows/{host.show_id}/report")
    return ServerFacts(
        last_seq=api.call("GET", f"/v1/shows/{host.show_id}")["position"]["seq"],
        offers=tuple(_offer(api, offer_id) for offer_id in (*host.drops, *host.trickles)),
        orders=tuple(_order(item) for item in _orders(api, host.show_id)),
        reported_orders=report["orders"],
        reported_gmv=report["gmv"]["amount"],
        not_quiet=tuple(not_quiet),
        reconciled=reconciled,
    )


def reconcile(environ: Mapping[str, str]) -> tuple[int, str]:
    """Run ``showdrop reconcile``; return its exit code, and what it printed.

    Args:
        environ: names the data directory, or the servers.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [showdrop(), "reconcile"],
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RECONCILE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return -1, f"it did not end within {RECONCILE_TIMEOUT_S:.0f} s"
    return done.returncode, done.stdout


def _wait_quiet(api: Api, host: HostRecord) -> list[str]:
    gives_up_s = time.monotonic() + QUIET_TIMEOUT_S
    while True:
        found = _unrest(api, host)
        if not found or time.monotonic() > gives_up_s:
            return found
        time.sleep(POLL_S)


def _unrest(api: Api, host: HostRecord) -> list[str]:
    found = [
        f"an order is {state}"
        for state in UNDER_WAY
        if api.call("GET", f"/v1/orders?show_id={host.show_id}&state={state}&limit=1")["items"]
    ]
    for offer_id in (*host.drops, *host.trickles):
        held = _offer(api, offer_id).held
        if held:
            found.append(f"{held} units are held")
    return found


def _offer(api: Api, offer_id: str) -> OfferFacts:
    item = api.call("GET", f"/v1/offers/{offer_id}")
    return OfferFacts(**{name: item[name] for name in OfferFacts.__struct_fields__})


def _orders(api: Api, show_id: str) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        page = api.call("GET", f"/v1/orders?show_id={show_id}&limit={PAGE_ORDERS}{after}")
        yield from page["items"]
        if page["next"] is None:
            return
        after = f"&after={page['next']}"


def _order(item: dict[str, Any]) -> OrderFacts:
    plain = {name: item[name] for name in OrderFacts.__struct_fields__ if name != "amount"}
    return OrderFacts(**plain, amount=item["amount"]["amount"])
