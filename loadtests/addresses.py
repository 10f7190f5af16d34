"""The addresses that a load test is told, looked at before anybody calls them; pure."""

from typing import Final
from urllib.parse import urlsplit

from loadtests.errors import LoadError

_SCHEMES: Final = {"API": ("http", "https"), "gateway": ("ws", "wss")}
_EXAMPLES: Final = {"API": "http://127.0.0.1:8000", "gateway": "ws://127.0.0.1:8001"}


def check_api(url: str) -> str:
    """Return the API's address.

    Raises:
        LoadError: it is none.
    """
    return _check(url, "API")


def check_gateway(url: str) -> str:
    """Return the gateway's address.

    Raises:
        LoadError: it is none.
    """
    return _check(url, "gateway")


def no_address(of: str) -> LoadError:
    """Return the error; it does not repeat the address, in which there may be a password."""
    return LoadError(f"the address of the {of} has to be such as {_EXAMPLES[of]}")


def without_user(url: str) -> str:
    """Return an address without the user and the password that it may hold."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _check(url: str, of: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        fits = parts.scheme in _SCHEMES[of] and host and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError as error:  # brackets, a port or a name that are none
        raise no_address(of) from error
    if not fits:
        raise no_address(of)
    return url
