"""KakaoTalk Store (톡스토어): the Shopping Open API of https://shopping-developers.kakao.com.

A product has one option object, and the API takes it whole: what is left out is deleted. So a product is read, its
stock quantities are changed and everything else goes back byte for byte, also what we have no name for. Quantities are
absolute, therefore a call whose answer was lost may be repeated. What a sale at Kakao takes from *another* combination
between our read and our write is written back; the next order poll or drift check tells that combination again.

Keys are static: the agency's admin key and the seller's REST key. An answer of Kakao's about a key repeats the key, so
only its code is kept.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from inventory.channels.calls_http import ChannelCalls
from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    Level,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.kakao.answers import MOST_QUANTITY, Product, changed, product_from, refusal, shown
from kit.errors import InvalidError

REAL_URL: Final = "https://kapi.kakao.com"

BATCH: Final = 100
"""Combinations of one product in one call; Kakao names no limit, as the object goes whole in any case."""

CALLS_PER_S: Final = 2.0
"""Levels are told this often; each time is a read and a write. Kakao publishes no limit: four requests are modest."""

TALK_STORE: Final = "101"
"""The ``channel-ids`` of KakaoTalk Store."""

_PRODUCT: Final = "/v1/store/product"
_UPDATE: Final = "/v1/store/product/option/update"
_ITEM_ID: Final = re.compile(r"[1-9][0-9]{0,18}(?:/[1-9][0-9]{0,18})?")
_CHANNEL_IDS: Final = re.compile(r"[0-9]{1,6}(?:,[0-9]{1,6}){0,9}")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
_KEYS: Final = ("admin_key", "seller_key")


class KakaoKind:
    """Sets up and opens KakaoTalk Stores; settings: ``admin_key``, ``seller_key`` and ``channel_ids``.

    Args:
        base_url: where the API is.
    """

    def __init__(self, *, base_url: str = REAL_URL) -> None:
        self._base_url = base_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/combination_id, or product_id for a product without combinations"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of KakaoTalk Store is written {self.item_form}, in digits", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``: one product per call."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. ``channel_ids`` may be left out; both keys are secrets."""
        unknown = sorted(set(settings) - {*_KEYS, "channel_ids"})
        if unknown:
            raise InvalidError(f"a KakaoTalk Store has no setting {unknown[0]!r}", field=unknown[0])
        for name in _KEYS:
            if _KEY.fullmatch(settings.get(name, "")) is None:
                raise InvalidError(f"{name} is 16 to 128 letters, digits, '-' or '_'", field=name)
        channel_ids = settings.get("channel_ids", TALK_STORE)
        if _CHANNEL_IDS.fullmatch(channel_ids) is None:
            raise InvalidError("channel_ids is a number, or up to ten with commas between", field="channel_ids")
        return Prepared(settings={"channel_ids": channel_ids}, secrets={name: settings[name] for name in _KEYS})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "KakaoChannel":
        """See ``ChannelKind``. Keys are never renewed."""
        del save
        return KakaoChannel(config, base_url=self._base_url)


class KakaoChannel:
    """One KakaoTalk Store."""

    def __init__(self, config: ChannelConfig, *, base_url: str) -> None:
        self._keys = tuple(config.secrets[name] for name in _KEYS)
        self._headers = {
            "authorization": f"KakaoAK {config.secrets['admin_key']}",
            "target-authorization": f"KakaoAK {config.secrets['seller_key']}",
            "channel-ids": config.settings["channel_ids"],
        }
        self._calls = ChannelCalls(base_url)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(
            batch_size=BATCH, calls_per_s=CALLS_PER_S, most_quantity=MOST_QUANTITY, reads=True, orders="poll"
        )

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Nothing is written when the product shows these levels already."""
        product_id = levels[0].item_id.partition("/")[0]
        product = await self._read(product_id)
        if isinstance(product, Refused):
            return [product] * len(levels)
        answers, option = changed(product, levels)
        if option is None:
            return answers
        form = urlencode({"productId": product_id, "option": option}).encode()
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"}
        reply = await self._calls.call("POST", _UPDATE, headers=headers, body=form)
        if reply.status == HTTPStatus.OK:
            return answers
        refused = refusal(reply.status, reply.body, hide=self._keys)
        return [refused if isinstance(answer, Told) else answer for answer in answers]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``. An unlimited stock reads as the highest quantity."""
        product = await self._read(item_ids[0].partition("/")[0])
        if isinstance(product, Refused):
            return [None] * len(item_ids)
        return shown(product, [item_id.partition("/")[2] for item_id in item_ids])

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _read(self, product_id: str) -> Product | Refused:
        """The product; refused, if Kakao has none of this id or does not give it to us."""
        reply = await self._calls.call("GET", _PRODUCT, params={"productId": product_id}, headers=self._headers)
        if reply.status == HTTPStatus.OK:
            return product_from(reply.body, product_id)
        if reply.status == HTTPStatus.NOT_FOUND:
            return Refused(reason=f"Kakao has no product {product_id}: correct the link", temporary=False)
        return refusal(reply.status, reply.body, hide=self._keys)
