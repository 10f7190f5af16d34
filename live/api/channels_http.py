"""Channels: the other places that sell this stock, and how far they are behind."""

from typing import Annotated

import msgspec

from inventory.channels.channels_pg import Channels, ChannelView, LevelPage
from inventory.channels.limits import MAX_PAGE, NAME_CHARS, URL_CHARS
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NOT_BLANK, Cursor
from live.api.limits import JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS
from live.limits import OFFER_MOST_UNITS


class NewChannel(Request, frozen=True):
    """A channel to be connected. The kind ``webhook`` takes ``url``."""

    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NOT_BLANK)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS, pattern=NOT_BLANK)]
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARS)] | None = None
    safety_stock: Annotated[int, msgspec.Meta(ge=0, le=OFFER_MOST_UNITS)] = 0


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


class LevelQuery(Request, frozen=True):
    """Which levels."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = PAGE_DEFAULT_ITEMS
    after: Cursor | None = None


class ChannelEndpoints:
    """The calls about channels."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
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

    async def _list(self, call: Call[Empty, Empty]) -> ChannelList:  # noqa: ARG002 - a handler takes the call
        return ChannelList(items=await self._channels.list())

    async def _create(self, call: Call[NewChannel, Empty]) -> NewChannelAnswer:
        created = await self._channels.create(
            call.body.kind,
            name=call.body.name,
            settings={} if call.body.url is None else {"url": call.body.url},
            safety_stock=call.body.safety_stock,
        )
        return NewChannelAnswer(channel_id=created.channel_id, secret=created.secret)

    async def _levels(self, call: Call[Empty, LevelQuery]) -> LevelPage:
        return await self._channels.levels(call.id, limit=call.query.limit, after=call.query.after)

    async def _remove(self, call: Call[Empty, Empty]) -> RemovedChannelAnswer:
        await self._channels.remove(call.id)
        return RemovedChannelAnswer(channel_id=call.id)
