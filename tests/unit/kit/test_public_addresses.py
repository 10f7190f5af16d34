"""Which addresses that strangers typed in may be called."""

import pytest

from kit.errors import InvalidError
from kit.public_addresses import allowed_address, checked_url, is_public

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse, nothing listens on it
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "64:ff9b:1::a9fe:a9fe",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "fec0::1",
    "192.0.0.192",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_this_machine_or_network_is_not_public_in_any_dress(address: str) -> None:
    assert not is_public(address)


def test_one_private_address_among_public_ones_spoils_the_name() -> None:
    assert allowed_address([*PUBLIC, "10.0.0.1"], allow_private=False) is None
    assert allowed_address(PUBLIC, allow_private=False) == PUBLIC[0]


def test_a_private_address_is_fine_where_it_is_allowed() -> None:
    assert allowed_address(["127.0.0.1"], allow_private=True) == "127.0.0.1"


def test_a_name_without_an_address_has_none() -> None:
    assert allowed_address([], allow_private=True) is None


@pytest.mark.parametrize("url", ["https://shop.example/hooks?shop=1", "http://127.0.0.1:8080/", "https://[2606::1]/x"])
def test_an_http_address_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url, most_chars=2_000) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/hooks",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:pass@shop.example/",
        "https://@shop.example/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example/#part",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "https://[::1/",
        "https://shop.example/" + "a" * 3000,
    ],
)
def test_anything_else_is_refused_and_the_field_named(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        checked_url(url, most_chars=2_000)
    assert caught.value.details["field"] == "url"
