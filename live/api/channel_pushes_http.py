"""What channels that sell send to us. Whoever calls proves it by a signature over the raw body, not by a token."""

from collections.abc import Mapping

from inventory.channels.inbox import ChannelInbox
from inventory.channels.selling import PushRequest
from live.api.endpoint import Bytes, Call, Empty, Endpoint, Request, endpoint
from live.api.limits import RAW_BODY_MAX_BYTES

_PATH = "/v1/webhooks/channels/{id}"


class PushQuery(Request, frozen=True, forbid_unknown_fields=False):
    """The channel's own parameters, whatever they are called."""


class ChannelPushEndpoints:
    """The calls that channels make."""

    def __init__(self, inbox: ChannelInbox) -> None:
        self._inbox = inbox

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "webhooks",
                "receive_channel_webhook",
                "POST",
                _PATH,
                "For channels that sell; the signature is checked before anything is stored, and the answer is theirs",
                roles=None,
                body=Empty,
                body_kind="raw",
                body_limit=RAW_BODY_MAX_BYTES,
                query=PushQuery,
                answer=None,
                answer_media=("application/json", "text/plain"),
                refusals=(401,),
                handle=self._receive,
            ),
            endpoint(
                "webhooks",
                "greet_channel",
                "GET",
                _PATH,
                "For channels that ask first whether the address is ours",
                roles=None,
                body=Empty,
                query=PushQuery,
                answer=None,
                answer_media=("text/plain",),
                refusals=(401,),
                handle=self._greet,
            ),
        ]

    async def _receive(self, call: Call[Empty, PushQuery]) -> Bytes:
        pushed = await self._inbox.receive(call.id, _request(call, call.asked.raw))
        return Bytes(content=pushed.answer, media_type=pushed.media_type)

    async def _greet(self, call: Call[Empty, PushQuery]) -> Bytes:
        return Bytes(content=await self._inbox.greet(call.id, _request(call, b"")), media_type="text/plain")


def _request(call: Call[Empty, PushQuery], body: bytes) -> PushRequest:
    query: Mapping[str, str] = call.asked.query
    return PushRequest(query=query, headers=call.asked.headers, body=body)
