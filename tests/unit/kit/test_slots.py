import pytest
from redis.crc import key_slot

from kit.ids import new_id
from kit.slots import (
    SLOTS,
    Address,
    is_cluster,
    masters_by_slot,
    parse_cluster_url,
    slot_of,
    slot_of_command,
)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "{a}b",
        "b{a}",
        "{}a",
        "{a",
        "a}",
        "{{a}}b",
        "{a}{b}",
        "x{}{a}",
        "{é}",
        "offer_01K8Z0000000000000000000ZZ",
    ],
)
def test_a_slot_is_the_one_that_redis_gives(key: str) -> None:
    assert slot_of(key) == slot_of(key.encode()) == key_slot(key.encode())


def test_the_specification_s_own_example() -> None:
    assert slot_of("123456789") == 0x31C3 % SLOTS


def test_all_keys_of_an_offer_are_on_one_slot_and_offers_spread_over_three_masters() -> None:
    offers = [new_id("offer") for _ in range(200)]
    for offer_id in offers:
        assert {slot_of(f"{{{offer_id}}}:{name}") for name in ("pool", "holds", "due")} == {slot_of(offer_id)}
    of_thirds = [slot_of(one) * 3 // SLOTS for one in offers]
    assert min(of_thirds.count(third) for third in range(3)) > 30


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("HGET", "a", "b"), "a"),
        (("hget", b"a", "b"), "a"),
        (("EVALSHA", "sha", 2, "{a}1", "{a}2", "b"), "a"),
        (("EVAL", "return 1", b"1", "a"), "a"),
        (("EXISTS", "{a}1", "{a}2"), "a"),
        (("XRANGE", "a", "-", "+"), "a"),
    ],
)
def test_a_command_goes_where_its_keys_are(command: tuple[object, ...], key: str) -> None:
    assert slot_of_command(command) == slot_of(key)


def test_what_has_no_key_may_go_anywhere() -> None:
    assert [slot_of_command(one) for one in (("PING",), ("PUBLISH", "a", "b"), ("INFO", "server"))] == [None] * 3


@pytest.mark.parametrize(
    "command",
    [
        ("EXISTS", "a", "b"),
        ("EVALSHA", "sha", 2, "a", "b"),
        ("EVALSHA", "sha", 0),
        ("GET",),
        ("SCRIPT FLUSH",),
        ("SCRIPT", "FLUSH"),
        ("FLUSHALL",),
        ("SCAN", 0),
        ("XREAD", "STREAMS", "a", "0"),
        ("SUBSCRIBE", "a"),
    ],
)
def test_what_belongs_to_no_one_slot_is_refused(command: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=str(command[0])):
        slot_of_command(command)


def test_a_url_names_seeds_and_says_how_each_node_is_reached() -> None:
    url = parse_cluster_url("rediss+cluster://u:p%40ss@a.example:7000,[2001:db8::1]:7001,c?ssl_cert_reqs=none")
    assert url.seeds == (Address("a.example", 7000), Address("2001:db8::1", 7001), Address("c", 6379))
    assert url.of_node(url.seeds[1]) == "rediss://u:p%40ss@[2001:db8::1]:7001?ssl_cert_reqs=none"
    assert url.of_node(Address("10.0.0.9", 1)) == "rediss://u:p%40ss@10.0.0.9:1?ssl_cert_reqs=none"
    assert parse_cluster_url("redis+cluster://a").of_node(Address("a", 6379)) == "redis://a:6379"


@pytest.mark.parametrize(
    "rest", ["", "/", "a:port", "a:70000", "a:0", "a,", ",a", "a/1", "a#x", "u:pass-word@", "[::1", "a:1:2", "a, b"]
)
def test_a_malformed_url_is_refused_without_repeating_it(rest: str) -> None:
    with pytest.raises(ValueError, match="malformed URL") as error:
        parse_cluster_url(f"redis+cluster://{rest}")
    assert "pass-word" not in str(error.value)


def test_only_the_schemes_of_clusters_are_clusters() -> None:
    assert [is_cluster(f"{one}://a") for one in ("redis+cluster", "rediss+cluster", "redis", "rediss", "unix")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_answer_about_slots_gives_each_its_master() -> None:
    rows = [
        [0, 1, [b"10.0.0.1", 7000, b"id"], [b"10.0.0.2", 7000, b"id"]],
        [3, 3, [b"", 7001, b"id", []]],
        [4, 4, [None, 7002, b"id", []]],
    ]
    owners = masters_by_slot(rows, Address("asked", 1))
    first = Address("10.0.0.1", 7000)
    assert owners[:6] == [first, first, None, Address("asked", 7001), Address("asked", 7002), None]
    assert len(owners) == SLOTS
