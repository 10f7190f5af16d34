from kit.ids import new_id
from live.api.edge import ids_in


def test_ids_of_a_path_stand_in_the_log_under_their_names_and_nothing_else_does() -> None:
    show, order = new_id("show"), new_id("order")
    assert ids_in({"id": show}) == {"show_id": show}
    assert ids_in({"id": order, "verb": "close"}) == {"order_id": order}
    for odd in ("show_", "show_1", "token_" + show, "order", "hold_" + "x" * 26, new_id("channel")):
        assert ids_in({"id": odd}) == {}, odd
