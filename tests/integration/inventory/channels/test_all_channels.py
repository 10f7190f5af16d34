"""The fakes of ``showdrop dev --fake-channels``: what somebody buys there is an order of just that item."""

from collections.abc import Callable, Mapping

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig
from inventory.channels.registry import channel_kinds
from inventory.channels.selling import Sells, SoldLine
from tests.fakes.all_channels.stand import NoOrdersError, Stand
from tests.fakes.all_channels.stands import ALL
from tests.serving import serving


async def nothing_is_saved(secrets: Mapping[str, str]) -> None:
    """Nobody opens this channel again."""


@pytest.mark.parametrize("make", ALL)
async def test_a_sale_there_is_an_order_of_the_item_that_was_bought(make: Callable[[], Stand]) -> None:
    stand = make()
    item_id = stand.item_id("prod_1", "MUG")
    stand.put(item_id, "MUG", 5)
    if stand.kind in {"pinterest", "snapchat"}:
        with pytest.raises(NoOrdersError):
            stand.sell(item_id, 2)
        return
    async with serving(Starlette(routes=[Mount("/", stand.app)])) as url:
        kind = channel_kinds("a secret", allow_private=True, base_urls={stand.kind: url})[stand.kind]
        prepared = await kind.prepare(stand.settings("http://127.0.0.1:8000"))
        config = ChannelConfig(
            channel_id="chan_1", kind=stand.kind, name="Fake", settings=prepared.settings, secrets=prepared.secrets
        )
        channel = kind.open(config, nothing_is_saved)
        try:
            assert isinstance(channel, Sells)
            sale = stand.sell(item_id, 2)
            (order,) = await channel.orders([sale.order_id])
        finally:
            await channel.close()
    assert order is not None
    assert order.lines == (SoldLine(item_id=item_id, quantity=2),)
    assert stand.shows()[item_id] == 3
