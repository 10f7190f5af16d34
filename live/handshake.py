"""What the gateway answers to an HTTP request before it becomes a WebSocket, pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from kit.ids import ULID_PATTERN
from kit.settings import Network
from live.limits import ADDRESS_MAX_CHARS, ADDRESSES_PARSED, FORWARDED_MOST_HOPS
from live.wire import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL

_LIVE_PATH: Final = re.compile(rf"/v1/shows/(show_{ULID_PATTERN})/live")


def show_of(path: str) -> str | None:
    """Return the show that a request path names, or None when it is not a viewer's path."""
    found = _LIVE_PATH.fullmatch(path.partition("?")[0])
    return None if found is None else found.group(1)


def origin_allowed(origin: str | None, allowed: frozenset[str]) -> bool:
    """Tell whether a browser page of this origin may connect; programs send no origin and may."""
    return origin is None or origin in allowed


def choose_subprotocol(offered: Sequence[str]) -> str | None:
    """Return the first subprotocol that both sides know; None when the client offered none of ours."""
    return next((one for one in offered if one in (JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL)), None)


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return where a viewer comes from: the nearest address that is not one of our own proxies.

    Args:
        peer: address of the other end of the connection.
        forwarded: values of the ``X-Forwarded-For`` fields, in order; each proxy appended who it heard from.
        proxies: networks whose word is believed.
    """
    address = _nearest(peer, forwarded, proxies)
    return peer if address is None else str(address)


def client_network(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return what a client's address counts under: ``network_of`` of its ``client_address``."""
    address = _nearest(peer, forwarded, proxies)
    return peer if address is None else _counted(address)


def _nearest(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> IPv4Address | IPv6Address | None:
    address = _parsed(peer)
    if address is None:
        return None
    hops = ",".join(forwarded).rsplit(",", FORWARDED_MOST_HOPS)[-FORWARDED_MOST_HOPS:] if forwarded else []
    while hops and any(address in network for network in proxies):
        hop = _parsed(hops.pop())
        if hop is None:
            break  # whoever wrote that is as near as we know
        address = hop
    return address


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 it is the /64, which one household has to itself."""
    parsed = _parsed(address)
    return _counted(parsed) if isinstance(parsed, IPv6Address) else address


def _counted(address: IPv4Address | IPv6Address) -> str:
    return str(address) if isinstance(address, IPv4Address) else str(IPv6Network((address, 64), strict=False))


def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    """Return an address that may be written with a port, or as IPv4 inside IPv6."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return _address(text) if len(text) <= ADDRESS_MAX_CHARS else None


@lru_cache(maxsize=ADDRESSES_PARSED)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
