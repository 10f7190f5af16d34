"""Product feeds over HTTP: files that platforms fetch from an address that only they were told."""

from functools import partial
from typing import Final, Literal

import msgspec

from inventory.channels.feeds_pg import Feeds
from kit.errors import NotFoundError
from live.api.endpoint import STAFF, Call, Chunks, Empty, Endpoint, endpoint

Extension = Literal["csv", "tsv"]

_MEDIA: Final[dict[Extension, str]] = {"csv": "text/csv", "tsv": "text/tab-separated-values"}


class FeedPathAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where this server has the channel's feed. Who knows the path can read the feed: it is a secret."""

    path: str


class FeedEndpoints:
    """The calls about feeds."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "channels",
                "get_feed_path",
                "GET",
                "/v1/channels/{id}/feed",
                "Where a platform fetches the product feed of a channel of kind `feed` or `snapchat`",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=FeedPathAnswer,
                handle=self._path,
            ),
            self._file("csv"),
            self._file("tsv"),
        ]

    def _file(self, extension: Extension) -> Endpoint:
        return endpoint(
            "channels",
            f"get_feed_{extension}",
            "GET",
            f"/v1/feeds/{{id}}/{{token}}.{extension}",
            f"A product feed in the form of its platform, as {extension.upper()}",
            roles=None,
            body=Empty,
            query=Empty,
            answer=None,
            answer_media=(_MEDIA[extension],),
            handle=partial(self._get, extension),
        )

    async def _path(self, call: Call[Empty, Empty]) -> FeedPathAnswer:
        found = await self._feeds.address(call.id)
        return FeedPathAnswer(path=f"/v1/feeds/{call.id}/{found.token}.{found.extension}")

    async def _get(self, extension: Extension, call: Call[Empty, Empty]) -> Chunks:
        try:
            settings = await self._feeds.settings(call.id, call.asked.path["token"])
        except NotFoundError:
            raise _nothing() from None
        if settings.file.extension != extension:
            raise _nothing()
        return Chunks(content=self._feeds.stream(call.id, settings), media_type=settings.file.media_type)


def _nothing() -> NotFoundError:
    # In the words for a path that is none: nobody learns which channels there are.
    return NotFoundError("there is nothing under this path; /docs lists the calls")
