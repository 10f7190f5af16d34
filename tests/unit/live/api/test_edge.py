"""What every HTTP answer tells the browser that reads it."""

import re

import pytest

from live.api.edge import security_headers
from live.api.limits import HSTS_MAX_AGE_S


def policy(ws_url: str) -> dict[str, str]:
    """Return the content security policy by directive."""
    parts = [one.strip().partition(" ") for one in security_headers(ws_url)["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


def test_a_page_runs_nothing_but_our_own_files_and_stands_in_no_frame() -> None:
    said = policy("ws://127.0.0.1:8001")
    assert said["default-src"] == "'self'"
    assert said["frame-ancestors"] == said["base-uri"] == said["object-src"] == "'none'"
    assert not {"script-src", "style-src"} & said.keys(), "what is said nowhere else is said by default-src"
    assert not re.search("unsafe|nonce", str(said))


@pytest.mark.parametrize(
    ("ws_url", "source"),
    [
        ("ws://127.0.0.1:8001", "ws://127.0.0.1:8001"),
        ("wss://live.shop.example", "wss://live.shop.example"),
        ("wss://shop.example/gateway", "wss://shop.example"),
    ],
)
def test_a_page_connects_to_its_own_server_and_to_the_gateway_only(ws_url: str, source: str) -> None:
    assert policy(ws_url)["connect-src"] == f"'self' {source}"


def test_other_headers_say_what_they_always_say() -> None:
    said = security_headers("ws://127.0.0.1:8001")
    assert said["x-content-type-options"] == "nosniff"
    assert said["referrer-policy"] == "no-referrer"


def test_https_is_demanded_only_where_it_is_set_up() -> None:
    assert "strict-transport-security" not in security_headers("ws://127.0.0.1:8001")
    assert security_headers("wss://shop.example")["strict-transport-security"] == f"max-age={HSTS_MAX_AGE_S}"
