"""Telling a channel's followers of an offer."""

from typing import Annotated

import msgspec

from inventory.catalogue_pg import Catalogue
from inventory.channels.announcements_pg import AnnouncedAt, Announcements
from inventory.channels.announcing import Announcement
from inventory.channels.limits import MAX_PAGE
from inventory.channels.product_addresses import price_text
from kit.errors import InvalidError
from live.api.channels_http import ChannelId
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NOT_BLANK, NOT_BLANK_SAID
from live.api.limits import ANNOUNCEMENT_TEXT_CHARS, JSON_BODY_MAX_BYTES, LINK_CHARS
from live.offer import require_running
from live.stage import Stage


class NewAnnouncement(Request, frozen=True):
    """A message about an offer, by these channels or by all that can send messages. Title and price are the offer's.

    Attributes:
        link: where to buy it, such as the page of the show.
    """

    text: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=ANNOUNCEMENT_TEXT_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID),
    ]
    link: Annotated[
        str,
        msgspec.Meta(
            max_length=LINK_CHARS,
            pattern=r"^https://[!-~]+(?![\s\S])",
            description="an address that begins with https://, without blanks",
        ),
    ]
    channel_ids: Annotated[list[ChannelId], msgspec.Meta(min_length=1, max_length=MAX_PAGE)] | None = None


class AnnouncementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the message so far, by channel: asking again sends nothing twice and says how far it is."""

    items: list[AnnouncedAt]


class AnnouncementEndpoints:
    """The call about messages."""

    def __init__(self, stage: Stage, catalogue: Catalogue, announcements: Announcements) -> None:
        self._stage = stage
        self._catalogue = catalogue
        self._announcements = announcements

    def endpoints(self) -> list[Endpoint]:
        """Return it."""
        return [
            endpoint(
                "offers",
                "announce_offer",
                "POST",
                "/v1/offers/{id}/announce",
                "Tell the followers of channels of an offer: once, however often this is called",
                roles=STAFF,
                scope="handler",
                body=NewAnnouncement,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=AnnouncementAnswer,
                status=202,
                handle=self._announce,
            )
        ]

    async def _announce(self, call: Call[NewAnnouncement, Empty]) -> AnnouncementAnswer:
        offer = await self._stage.offer(call.id)
        call.require_show(offer.show_id)
        require_running(offer.state, "announce")
        cards = await self._catalogue.cards([offer.product_id])
        announcement = Announcement(
            announcement_id=offer.offer_id,
            title=offer.title,
            text=call.body.text,
            price=price_text(offer.price),
            link=call.body.link,
            image=cards[0].image if cards else None,
        )
        said = await self._announcements.announce(
            announcement, until_ms=offer.ends_at_ms, channel_ids=call.body.channel_ids
        )
        silent = set(call.body.channel_ids or ()).difference(one.channel_id for one in said)
        if silent:
            raise InvalidError(f"channel {min(silent)} cannot send messages, or is paused", field="channel_ids")
        return AnnouncementAnswer(items=said)
