"""Channels: the other places that sell this stock, and how far they are behind."""

from typing import Annotated, Any

import msgspec

from inventory.channels.channels_pg import Channels, ChannelView
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import LevelPage, Levels
from inventory.channels.limits import MAX_PAGE, NAME_CHARS, SETTING_CHARS, SETTINGS_MOST, URL_CHARS
from kit.errors import InvalidError
from kit.ids import ULID_PATTERN
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NOT_BLANK, NOT_BLANK_SAID, PRINTABLE, AfterSku, Sku
from live.api.limits import JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS
from live.limits import OFFER_MOST_UNITS

ChannelId = Annotated[
    str, msgspec.Meta(pattern=rf"^chan_{ULID_PATTERN}(?![\s\S])", description="a channel's id, such as chan_01K8Z…")
]
SettingName = Annotated[
    str,
    msgspec.Meta(max_length=64, pattern=r"^[a-z][a-z0-9_]*(?![\s\S])", description="small letters, digits and _"),
]
SettingValue = Annotated[str, msgspec.Meta(max_length=SETTING_CHARS, pattern=PRINTABLE, description="text on one line")]

Settings = dict[SettingName, SettingValue | dict[str, Any]]
"""Texts; an object, such as a template of products, may be written as it is."""


class NewChannel(Request, frozen=True):
    """A channel to be connected. The kind ``webhook`` takes ``url``, others ``settings`` of their own.

    Attributes:
        cancels_oversold: whether an order of the channel's for which there are no units is cancelled over there by
            itself; else it waits for units, or for somebody to cancel it.
    """

    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NOT_BLANK, description=NOT_BLANK_SAID)]
    name: Annotated[
        str, msgspec.Meta(min_length=1, max_length=NAME_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID)
    ]
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARS)] | None = None
    settings: Annotated[Settings, msgspec.Meta(max_length=SETTINGS_MOST)] = msgspec.field(default_factory=dict)
    safety_stock: Annotated[int, msgspec.Meta(ge=0, le=OFFER_MOST_UNITS)] = 0
    cancels_oversold: bool = False


class NewChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channel is connected. ``secret`` signs its calls; it is shown this once."""

    channel_id: str
    secret: str | None


class RemovedChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channel and its levels are forgotten."""

    channel_id: str


class ChannelList(msgspec.Struct, frozen=True, kw_only=True):
    """Every channel, the oldest first."""

    items: list[ChannelView]


class NewSettings(Request, frozen=True):
    """Settings of a channel that change; those that are not named stay as they are."""

    settings: Annotated[Settings, msgspec.Meta(min_length=1, max_length=SETTINGS_MOST)]


class ChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channel that was changed."""

    channel_id: str


class NewSwitch(Request, frozen=True):
    """Show 0, or again what there is: at these channels (at all of them), of these SKUs (of everything)."""

    off: bool
    channel_ids: Annotated[list[ChannelId], msgspec.Meta(min_length=1, max_length=MAX_PAGE)] | None = None
    skus: Annotated[list[Sku], msgspec.Meta(min_length=1, max_length=MAX_PAGE)] | None = None


class SwitchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channels that were switched."""

    channel_ids: list[str]


class SafetyStock(Request, frozen=True):
    """Units that the channel never shows: of one SKU, or of every SKU that has no number of its own.

    With ``sku`` and without ``units`` the SKU has no number of its own any more.
    """

    units: Annotated[int, msgspec.Meta(ge=0, le=OFFER_MOST_UNITS)] | None = None
    sku: Sku | None = None


class LevelQuery(Request, frozen=True):
    """Which levels."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = PAGE_DEFAULT_ITEMS
    after: AfterSku | None = None


class ChannelEndpoints:
    """The calls about channels."""

    def __init__(self, channels: Channels, kept_back: KeptBack, levels: Levels) -> None:
        self._channels = channels
        self._kept_back = kept_back
        self._channel_levels = levels

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            *self._switches(),  # first: a word in the place of an id is no id
            endpoint(
                "channels",
                "list_channels",
                "GET",
                "/v1/channels",
                "List channels and how far each is behind",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=ChannelList,
                handle=self._list,
            ),
            endpoint(
                "channels",
                "create_channel",
                "POST",
                "/v1/channels",
                "Connect a channel; it is told the level of every SKU",
                roles=STAFF,
                body=NewChannel,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=NewChannelAnswer,
                status=201,
                handle=self._create,
            ),
            endpoint(
                "channels",
                "list_channel_levels",
                "GET",
                "/v1/channels/{id}/levels",
                "What a channel should show, and what it was told last",
                roles=STAFF,
                body=Empty,
                query=LevelQuery,
                answer=LevelPage,
                handle=self._levels,
            ),
            endpoint(
                "channels",
                "remove_channel",
                "DELETE",
                "/v1/channels/{id}",
                "Disconnect a channel",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=RemovedChannelAnswer,
                handle=self._remove,
            ),
        ]

    def _switches(self) -> list[Endpoint]:
        return [
            endpoint(
                "channels",
                "pause_channel",
                "POST",
                "/v1/channels/{id}/pause",
                "Tell a channel nothing until it is resumed",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=ChannelAnswer,
                handle=self._pause,
            ),
            endpoint(
                "channels",
                "resume_channel",
                "POST",
                "/v1/channels/{id}/resume",
                "Tell a paused channel what it has missed, and go on",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=ChannelAnswer,
                handle=self._resume,
            ),
            endpoint(
                "channels",
                "switch_channels",
                "POST",
                "/v1/channels/switch",
                "Show 0 everywhere now, or again what there is",
                roles=STAFF,
                body=NewSwitch,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=SwitchAnswer,
                handle=self._switch,
            ),
            endpoint(
                "channels",
                "change_channel",
                "POST",
                "/v1/channels/{id}/settings",
                "Change settings and secrets of a channel, and go on with it; links, orders and levels stay",
                roles=STAFF,
                body=NewSettings,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=NewChannelAnswer,
                handle=self._change,
            ),
            endpoint(
                "channels",
                "set_safety_stock",
                "POST",
                "/v1/channels/{id}/safety-stock",
                "Change the units that a channel never shows",
                roles=STAFF,
                body=SafetyStock,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=ChannelAnswer,
                handle=self._safety_stock,
            ),
        ]

    async def _list(self, call: Call[Empty, Empty]) -> ChannelList:  # noqa: ARG002 - a handler takes the call
        return ChannelList(items=await self._channels.list())

    async def _create(self, call: Call[NewChannel, Empty]) -> NewChannelAnswer:
        created = await self._channels.create(
            call.body.kind,
            name=call.body.name,
            settings=_texts(call.body.settings) | ({} if call.body.url is None else {"url": call.body.url}),
            safety_stock=call.body.safety_stock,
            cancels_oversold=call.body.cancels_oversold,
        )
        return NewChannelAnswer(channel_id=created.channel_id, secret=created.secret)

    async def _change(self, call: Call[NewSettings, Empty]) -> NewChannelAnswer:
        changed = await self._channels.change(call.id, _texts(call.body.settings))
        return NewChannelAnswer(channel_id=changed.channel_id, secret=changed.secret)

    async def _levels(self, call: Call[Empty, LevelQuery]) -> LevelPage:
        return await self._channel_levels.page(call.id, limit=call.query.limit, after=call.query.after)

    async def _remove(self, call: Call[Empty, Empty]) -> RemovedChannelAnswer:
        await self._channels.remove(call.id)
        return RemovedChannelAnswer(channel_id=call.id)

    async def _pause(self, call: Call[Empty, Empty]) -> ChannelAnswer:
        await self._channels.pause(call.id)
        return ChannelAnswer(channel_id=call.id)

    async def _resume(self, call: Call[Empty, Empty]) -> ChannelAnswer:
        await self._channels.resume(call.id)
        return ChannelAnswer(channel_id=call.id)

    async def _switch(self, call: Call[NewSwitch, Empty]) -> SwitchAnswer:
        asked = call.body
        switched = await self._kept_back.switch(off=asked.off, channel_ids=asked.channel_ids, skus=asked.skus)
        return SwitchAnswer(channel_ids=switched)

    async def _safety_stock(self, call: Call[SafetyStock, Empty]) -> ChannelAnswer:
        asked = call.body
        if asked.sku is not None:
            await self._kept_back.set_safety_stock_of(call.id, asked.sku, asked.units)
        elif asked.units is None:
            raise InvalidError("units is missing", field="units")
        else:
            await self._kept_back.set_safety_stock(call.id, asked.units)
        return ChannelAnswer(channel_id=call.id)


def _texts(settings: Settings) -> dict[str, str]:
    """Return settings as they are kept.

    Raises:
        InvalidError: one is too long.
    """
    texts = {}
    for name, value in settings.items():
        texts[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if len(texts[name]) > SETTING_CHARS:
            raise InvalidError(f"{name} has at most {SETTING_CHARS} characters", field=name)
    return texts
