from pathlib import Path

import pytest

from inventory.channels.channel import ChannelConfig
from inventory.channels.registry import channel_kinds
from inventory.channels.selling import Pushes, PushRequest
from kit.errors import SettingError
from live.roles.fake_channels import FAKES, MARK, ROOT, announced_in, require_fakes
from tests.fakes.all_channels.stand import NoOrdersError, Stand
from tests.fakes.all_channels.stands import ALL

SECRET = "a secret of at least thirty-two characters"
KINDS = {"meta", "tiktok", "pinterest", "snapchat", "wechat", "douyin", "line_myshop", "kakao", "shopify"}
STANDS = [make() for make in ALL]


def test_addresses_are_taken_from_a_whole_line_only() -> None:
    line = '{"control_url":"http://127.0.0.1:9","urls":{"kakao":"http://127.0.0.1:8"}}\n'
    assert announced_in("") is None
    assert announced_in(f"a warning\n{line[:40]}") is None
    found = announced_in(f"a warning\n{line}more\n")
    assert found is not None
    assert (found.control_url, found.urls) == ("http://127.0.0.1:9", {"kakao": "http://127.0.0.1:8"})


def test_where_the_fakes_are_missing_one_line_says_so(tmp_path: Path) -> None:
    require_fakes(ROOT)
    with pytest.raises(SettingError, match="needs the repository: there is no tests/fakes/all_channels"):
        require_fakes(tmp_path)
    (tmp_path / FAKES).parent.mkdir(parents=True)
    (tmp_path / FAKES).touch()
    require_fakes(tmp_path)


def test_every_named_channel_has_a_fake() -> None:
    assert {stand.kind for stand in STANDS} == KINDS


def test_no_named_channel_is_called_where_it_really_is() -> None:
    kinds = channel_kinds(SECRET, allow_private=False, base_urls={kind: f"http://127.0.0.1:9/{kind}" for kind in KINDS})
    for name in KINDS:
        urls = [text for text in vars(kinds[name]).values() if isinstance(text, str) and "://" in text]
        assert urls, name
        assert all(url.startswith(f"http://127.0.0.1:9/{name}") for url in urls), urls


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.kind)
async def test_a_fake_can_be_set_up_and_has_items_for_any_sku(stand: Stand) -> None:
    kind = channel_kinds(SECRET, allow_private=False)[stand.kind]
    prepared = await kind.prepare(stand.settings("http://127.0.0.1:8000"))
    assert prepared.secrets
    assert stand.name.endswith(MARK), "by its name it is paused when the fakes do not run"
    ids = {stand.item_id(product, sku) for product, sku in (("prod_1", "MUG-B"), ("prod_1", "MUG-R"), ("prod_2", "T"))}
    assert len(ids) == 3
    for item_id in ids:
        kind.check_item_id(item_id)
    assert stand.item_id("prod_1", "MUG-B") in ids, "the same after the next start"


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.kind)
def test_an_item_is_put_there_once_with_what_it_shows(stand: Stand) -> None:
    tells_units = stand.kind not in ("pinterest", "snapchat")
    item_id = stand.item_id("prod_9", "CAP")
    assert stand.put(item_id, "CAP", 7)
    assert not stand.put(item_id, "CAP", 9)
    assert stand.shows()[item_id] == (7 if tells_units else 1)


async def test_who_sells_has_less_and_who_calls_signs_so_that_its_kind_believes_it() -> None:
    pushing, asked, showing = set(), set(), set()
    for make in ALL:
        stand = make()
        kind = channel_kinds(SECRET, allow_private=False)[stand.kind]
        prepared = await kind.prepare(stand.settings("http://127.0.0.1:8000"))
        config = ChannelConfig(
            channel_id="chan_1", kind=stand.kind, name="", settings=prepared.settings, secrets=prepared.secrets
        )
        item_id = stand.item_id("prod_1", "MUG")
        stand.put(item_id, "MUG", 7)
        try:
            sale = stand.sell(item_id, 2)
        except NoOrdersError:
            showing.add(stand.kind)
            continue
        assert stand.shows()[item_id] == 5, stand.kind
        if sale.hook is None:
            asked.add(stand.kind)
            continue
        pushing.add(stand.kind)
        assert isinstance(kind, Pushes), stand.kind
        headers = {name.lower(): text for name, text in sale.hook.headers.items()}
        pushed = kind.pushed(config, PushRequest(query=sale.hook.query, headers=headers, body=sale.hook.body))
        assert [one.order_ids for one in pushed.events] == [(sale.order_id,)], stand.kind
    assert pushing == {"tiktok", "wechat", "douyin", "shopify"}
    assert asked == {"meta", "line_myshop", "kakao"}
    assert showing == {"pinterest", "snapchat"}
