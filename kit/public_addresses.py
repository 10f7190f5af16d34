"""Which addresses that strangers typed in may be called. Pure: ``address_lookup.py`` resolves, here is judged.

A server that calls such addresses can be made to call its own neighbours: the cloud's metadata
service, a database without a password (server-side request forgery). So addresses are judged after the name was
resolved, at set-up and again before every call, and the call goes to the address that was judged.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from kit.errors import InvalidError

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Of IPv6 only this part is given out for the internet. Some of the rest holds IPv4 addresses in more ways than anybody
# would list, or is private without Python's saying so (fec0::/10).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Not of the internet either, and a cloud answers questions about its machines there; not every Python 3.11 knows.
_PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")


def checked_url(text: str, *, most_chars: int) -> str:
    """Return a URL when it has the form of one that can be called.

    Raises:
        InvalidError: ``invalid_url``, field ``url`` - too long, not http or https, no host, or with user name,
            password or fragment.
    """
    if len(text) > most_chars or not text.isascii() or not text.isprintable() or " " in text:
        raise _invalid(f"must be at most {most_chars} printable ASCII characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _invalid("is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise _invalid("must start with https:// or http://")
    if not parts.hostname or port == 0:
        raise _invalid("must name a host")
    if "@" in parts.netloc:
        raise _invalid("must not hold a user name or password; the calls are signed")
    if parts.fragment:
        raise _invalid("must not have a fragment (#…)")
    return text


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it is an IPv4 address dressed as IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        return ip.is_global and ip in _GLOBAL_UNICAST
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOL_ASSIGNMENTS


def allowed_address(addresses: Sequence[str], *, allow_private: bool) -> str | None:
    """The address to call out of those a name stands for; None when there is none, or one of them is private."""
    if not addresses or not (allow_private or all(is_public(one) for one in addresses)):
        return None
    return addresses[0]


def _invalid(why: str) -> InvalidError:
    return InvalidError(f"url {why}", field="url", code="invalid_url")
