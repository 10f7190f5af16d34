from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ids import new_id
from live.handshake import choose_subprotocol, client_address, client_network, network_of, origin_allowed, show_of


def test_a_viewers_path_names_the_show_with_or_without_a_query() -> None:
    show_id = new_id("show")
    assert show_of(f"/v1/shows/{show_id}/live") == show_id
    assert show_of(f"/v1/shows/{show_id}/live?x=/y") == show_id


@pytest.mark.parametrize("path", ["/", "/v1/shows//live", "/v1/shows/{}/live/", "/v1/shows/{}", "/x/v1/shows/{}/live"])
def test_other_paths_name_none(path: str) -> None:
    assert show_of(path.format(new_id("show"))) is None


@pytest.mark.parametrize("show_id", ["offer_" + "0" * 26, "show_" + "0" * 25, "show_" + "o" * 26, "show_8" + "0" * 25])
def test_what_is_no_show_id_names_none(show_id: str) -> None:
    assert show_of(f"/v1/shows/{show_id}/live") is None


def test_programs_and_allowed_pages_may_connect() -> None:
    allowed = frozenset({"https://shop.example"})
    assert origin_allowed(None, allowed)
    assert origin_allowed("https://shop.example", allowed)
    for origin in ("http://shop.example", "https://shop.example.evil", "null", ""):
        assert not origin_allowed(origin, allowed)


def test_the_clients_first_choice_that_we_know_wins() -> None:
    assert choose_subprotocol(["graphql", "showdrop.msgpack", "showdrop.json"]) == "showdrop.msgpack"
    assert choose_subprotocol(["showdrop.json"]) == "showdrop.json"
    assert choose_subprotocol(["graphql"]) is None
    assert choose_subprotocol([]) is None


PROXIES = tuple(ip_network(one) for one in ("10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", ["203.0.113.9"], "203.0.113.9", id="one proxy"),
        pytest.param("10.0.0.1", ["203.0.113.9, 10.0.0.2,192.0.2.7"], "203.0.113.9", id="a chain of ours"),
        pytest.param("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9", id="several fields"),
        pytest.param("10.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9", id="several fields, the last counts"),
        pytest.param("10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9", id="the viewer's own word is not used"),
        pytest.param("10.0.0.1", ["10.0.0.3, 203.0.113.9"], "203.0.113.9", id="not even when it names a proxy"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that does not tell"),
        pytest.param("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2", id="from inside"),
        pytest.param("2001:db8:1::5", ["2001:db8:2::1"], "2001:db8:2::1", id="IPv6"),
        pytest.param("10.0.0.1", ["2001:db8:2::1, 2001:db8:1::9"], "2001:db8:2::1", id="IPv6 behind both kinds"),
        pytest.param("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1", id="garbage from a proxy"),
        pytest.param("10.0.0.1", ["203.0.113.9,"], "10.0.0.1", id="nothing behind the comma"),
        pytest.param("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9", id="with a port"),
        pytest.param("10.0.0.1", ["[2001:db8:2::1]:4711"], "2001:db8:2::1", id="IPv6 with a port"),
        pytest.param("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9", id="IPv4 inside IPv6"),
        pytest.param("10.0.0.1", ["not an address, 203.0.113.9"], "203.0.113.9", id="garbage from the viewer"),
        pytest.param("/run/proxy.sock", ["203.0.113.9"], "/run/proxy.sock", id="a peer without an address"),
    ],
)
def test_a_viewers_address_is_the_nearest_that_is_no_proxy_of_ours(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.8", "2001:db8:2::1"])
def test_who_is_no_proxy_of_ours_is_not_believed(peer: str) -> None:
    assert client_address(peer, ["198.51.100.1"], PROXIES) == peer
    assert client_address(peer, ["10.0.0.1", "10.0.0.2"], PROXIES) == peer
    assert client_address("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"


@given(st.sampled_from(["10.0.0.1", "203.0.113.9", ""]), st.lists(st.text(max_size=30), max_size=4))
def test_whatever_is_forwarded_an_address_comes_out(peer: str, forwarded: list[str]) -> None:
    address = client_address(peer, forwarded, PROXIES)
    assert address == peer or (peer == "10.0.0.1" and any(address in value for value in forwarded))


@given(
    st.sampled_from(["10.0.0.1", "203.0.113.9", "2001:db8:1::7", "2001:db8:2::7", "::ffff:10.0.0.1", "fe80::1%eth0"]),
    st.lists(st.one_of(st.text(max_size=20), st.ip_addresses().map(str)), max_size=3),
)
def test_a_client_counts_under_the_network_of_its_address(peer: str, forwarded: list[str]) -> None:
    assert client_network(peer, forwarded, PROXIES) == network_of(client_address(peer, forwarded, PROXIES))
