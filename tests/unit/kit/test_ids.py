from kit.ids import is_id, is_ulid, new_id, new_ulid


def test_ids_are_prefixed_sortable_and_their_own() -> None:
    ids = {new_id("show") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(one, "show") and not is_id(one, "sho") for one in ids)
    assert is_ulid(new_ulid())
    for text in (new_ulid().lower(), new_ulid()[:-1], "I" * 26, "U" * 26):
        assert not is_ulid(text)
