"""Meta: the catalogue behind Facebook and Instagram shops is updated in batches that Meta works on later.

A batch is answered with a handle, and the handle with what became of the items. Items that are wrong at first sight are
named at once; what is known of them travels in the handle until the rest is known.

The access token is a system user's, which does not expire: there is nothing to renew, and a token that Meta does not
take any more is a matter for staff.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from inventory.channels.calls_http import ChannelCalls
from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    Level,
    Pending,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.meta.answers import (
    CallRefusedError,
    Shown,
    TooMuchDataError,
    failure_in,
    outcome_in,
    products_in,
    proof,
    request_for,
    taken_in,
)
from kit.errors import InvalidError

REAL_URL: Final = "https://graph.facebook.com"

API_VERSION: Final = "v25.0"
"""Of the Graph API; one lives for two years."""

BATCH: Final = 2_500
"""Items in one call. Meta takes 5,000, and recommends fewer than 3,000."""

CALLS_PER_S: Final = 8 / 61
"""Batches per second: a catalogue that nobody has looked at yet has 8 a minute, and more with its visits. The extra
second is for a batch that travels faster than the one before it."""

MOST_QUANTITY: Final = 1_000_000_000
"""The highest quantity told; Meta documents none, and the field is a whole number of 32 bits."""

ITEM_ID_CHARS: Final = 100
"""Characters of an item id; Meta cuts none and refuses longer ones."""

READ_ITEMS: Final = 50
"""Items that are searched for in one call ..."""

READ_CHARS: Final = 4_000
"""... and characters of their ids in its address, which may be about 8,000 long."""

CATALOG_ID_CHARS: Final = 20
"""Digits of a catalogue's number; today's have about 16."""

SECRET_CHARS: Final = 1_000
"""Characters of an access token or an app secret; today's have about 200 and 32."""

_CATALOG_ID = re.compile(r"[1-9][0-9]*")
_SECRET = re.compile(r"[!-~]+")
_SECRETS: Final = ("access_token", "app_secret")


class _Handle(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Pending.handle`` holds, as JSON: Meta's handles, and reasons by item id."""

    handles: list[str]
    refused: dict[str, str]


class MetaKind:
    """Sets up and opens catalogues; settings: ``catalog_id``, ``access_token`` (secret), ``app_secret`` (secret).

    The token belongs to a system user who has ``catalog_management`` on the catalogue.

    Args:
        base_url: where the Graph API is.
    """

    def __init__(self, *, base_url: str = REAL_URL) -> None:
        self._base_url = base_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``: Meta calls it the retailer id."""
        return "sku"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if not 0 < len(item_id) <= ITEM_ID_CHARS or not item_id.isprintable() or item_id != item_id.strip():
            raise InvalidError(
                f"a Meta item id is the item's retailer id, 1 to {ITEM_ID_CHARS} printable characters", field="item_id"
            )

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; any items may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        unknown = sorted(set(settings) - {"catalog_id", *_SECRETS})
        if unknown:
            raise InvalidError(f"a Meta channel has no setting {unknown[0]!r}", field=unknown[0])
        catalog_id = settings.get("catalog_id", "")
        if len(catalog_id) > CATALOG_ID_CHARS or _CATALOG_ID.fullmatch(catalog_id) is None:
            raise InvalidError("catalog_id must be the number of a catalogue", field="catalog_id")
        for name in _SECRETS:
            secret = settings.get(name, "")
            if len(secret) > SECRET_CHARS or _SECRET.fullmatch(secret) is None:
                raise InvalidError(f"{name} must be at most {SECRET_CHARS} printable ASCII characters", field=name)
        return Prepared(settings={"catalog_id": catalog_id}, secrets={name: settings[name] for name in _SECRETS})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "MetaChannel":
        """See ``ChannelKind``; there is nothing to save, the token is not renewed."""
        del save
        return MetaChannel(config, base_url=self._base_url)


class MetaChannel:
    """One catalogue."""

    def __init__(self, config: ChannelConfig, *, base_url: str) -> None:
        token, app_secret = config.secrets["access_token"], config.secrets["app_secret"]
        self._path = f"/{API_VERSION}/{config.settings['catalog_id']}"
        self._proof = proof(app_secret, token)
        self._secrets = (token, app_secret, self._proof)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._calls = ChannelCalls(base_url)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            most_quantity=MOST_QUANTITY,
            reads=True,
            orders="poll",
        )

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        """See ``Channel``. An item that Meta does not have is refused: it must not come into being half filled."""
        try:
            work = await self._send(levels)
        except CallRefusedError as error:
            return [Refused(reason=error.message, temporary=False) for _ in levels]
        if not work.handles:
            return _answers(levels, work.refused, unnamed=0)
        return Pending(handle=msgspec.json.encode(work).decode())

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        """See ``Channel``."""
        work = msgspec.json.decode(pending.handle, type=_Handle)
        refused = dict(work.refused)
        unnamed = 0
        for handle in work.handles:
            params = {"handle": handle, "load_ids_of_invalid_requests": "true"}
            outcome = outcome_in(await self._call("GET", "check_batch_request_status", params=params))
            if outcome is None:
                return None
            refused |= outcome.refused
            unnamed += outcome.unnamed
        return _answers(levels, refused, unnamed=unnamed)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; an item in stock without a quantity sells without end, and is answered as the highest."""
        found: dict[str, Shown] = {}
        for some in _portions(item_ids):
            params = {
                "filter": msgspec.json.encode({"retailer_id": {"is_any": some}}).decode(),
                "fields": "retailer_id,availability,quantity_to_sell_on_facebook",
                "limit": str(len(some)),
            }
            found |= products_in(await self._call("GET", "products", params=params))
        return [_shown(found.get(item_id)) for item_id in item_ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _send(self, levels: Sequence[Level], *, once_more: bool = True) -> _Handle:
        """Send a batch: in halves when it is too much, and once more without the refused when nothing was taken in."""
        entries = [request_for(level) for level in levels]
        body = msgspec.json.encode({"item_type": "PRODUCT_ITEM", "allow_upsert": False, "requests": entries})
        try:
            taken = taken_in(await self._call("POST", "items_batch", body=body))
        except TooMuchDataError:
            if len(levels) == 1:
                raise
            half = len(levels) // 2
            first, second = await self._send(levels[:half]), await self._send(levels[half:])
            return _Handle(handles=first.handles + second.handles, refused=first.refused | second.refused)
        if taken.handle is not None:
            return _Handle(handles=[taken.handle], refused=taken.refused)
        left = [level for level in levels if level.item_id not in taken.refused]
        if left and (len(left) == len(levels) or not once_more):
            raise ChannelDownError("Meta took nothing in, and does not name all that is wrong")
        again = await self._send(left, once_more=False) if left else _Handle(handles=[], refused={})
        return _Handle(handles=again.handles, refused=taken.refused | again.refused)

    async def _call(
        self, method: str, edge: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        reply = await self._calls.call(
            method,
            f"{self._path}/{edge}",
            params={**(params or {}), "appsecret_proof": self._proof},
            headers=self._headers,
            body=body,
        )
        if reply.status != 200:
            raise failure_in(reply.status, reply.headers, reply.body, self._secrets)
        return reply.body


def _answers(levels: Sequence[Level], refused: Mapping[str, str], *, unnamed: int) -> list[Answer]:
    rest: Answer = Told()
    if unnamed:
        rest = Refused(reason=f"Meta refused {unnamed} items of the batch, and does not say which", temporary=True)
    return [
        Refused(reason=refused[level.item_id], temporary=False) if level.item_id in refused else rest
        for level in levels
    ]


def _shown(item: Shown | None) -> int | None:
    if item is None:
        return None
    if not item.in_stock:
        return 0
    return MOST_QUANTITY if item.quantity is None else item.quantity


def _portions(item_ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut item ids into portions that fit into an address."""
    some: list[str] = []
    chars = 0
    for item_id in item_ids:
        needs = len(quote(item_id, safe=""))
        if some and (len(some) == READ_ITEMS or chars + needs > READ_CHARS):
            yield some
            some, chars = [], 0
        some.append(item_id)
        chars += needs
    if some:
        yield some
