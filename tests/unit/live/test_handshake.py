import pytest

from kit.ids import new_id
from live.handshake import choose_subprotocol, origin_allowed, show_of


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
