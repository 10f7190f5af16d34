"""The channel that everyone has: levels are POSTed to an address of the merchant's, signed as Standard Webhooks say.

The specification: https://www.standardwebhooks.com. ``webhook-id`` names the content, so it is the same when a batch is
sent again; signature and timestamp are new with every call.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import httpx
import msgspec
from standardwebhooks import Webhook

from inventory.channels.channel import (
    BY_SKU,
    SIGNING,
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Prepared,
    SaveSecrets,
    Told,
)
from inventory.channels.limits import CALL_TIMEOUT_S, RESPONSE_BYTES, URL_CHARS, WEBHOOK_BATCH, WEBHOOK_CALLS_PER_S
from kit.address_lookup import Addresses, Lookup, NoAddressError
from kit.clock import now_ms
from kit.errors import InvalidError
from kit.guarded_post_http import guarded_post
from kit.public_addresses import checked_url
from kit.retry_after import retry_after_ms

SECRET_BYTES = 32
"""Random bytes of a signing secret; Standard Webhooks ask for 24 to 64."""

_encoder = msgspec.json.Encoder()


class WebhookKind:
    """Sets up and opens webhooks; settings: ``url``.

    Args:
        allow_private: whether addresses on this machine and on private networks may be called.
        lookup: how names are resolved; by the system unless told otherwise.
    """

    def __init__(self, *, allow_private: bool, lookup: Lookup | None = None) -> None:
        self._addresses = Addresses(allow_private=allow_private, lookup=lookup)

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``; the secret is made here."""
        unknown = sorted(set(settings) - {"url"})
        if unknown:
            raise InvalidError(f"a webhook has no setting {unknown[0]!r}", field=unknown[0])
        url = checked_url(settings.get("url", ""), most_chars=URL_CHARS)
        try:
            httpx.URL(url)  # what it cannot read, it cannot call
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._addresses.find(url)
        except TimeoutError as error:
            raise InvalidError(
                f"url cannot be used: its host was not found within {CALL_TIMEOUT_S:.0f} s",
                field="url",
                code="invalid_url",
            ) from error
        except (NoAddressError, httpx.InvalidURL, UnicodeError) as error:
            raise InvalidError(f"url cannot be used: {error}", field="url", code="invalid_url") from error
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        return Prepared(settings={"url": url}, secrets={SIGNING: secret}, generated=secret)

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return BY_SKU

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return ("url",)

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``; every SKU is one."""

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - any may go together
        """See ``ChannelKind``."""
        return ""

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "WebhookChannel":  # noqa: ARG002 - nothing is renewed
        """See ``ChannelKind``."""
        return WebhookChannel(config, self._addresses)


class WebhookChannel:
    """One webhook. It has a pool of connections of its own: one made for another name must not be used for this one."""

    def __init__(self, config: ChannelConfig, addresses: Addresses) -> None:
        self._channel_id = config.channel_id
        self._url = config.settings["url"]
        self._signer = Webhook(config.secrets[SIGNING])
        self._addresses = addresses
        self._transport = httpx.AsyncHTTPTransport(trust_env=False)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(batch_size=WEBHOOK_BATCH, calls_per_s=WEBHOOK_CALLS_PER_S)

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Any 2xx takes the whole batch; 410 means gone, all else is tried again."""
        now = datetime.now(UTC)
        body = _body(self._channel_id, levels, now)
        message_id = _message_id(self._channel_id, levels)
        headers = {
            "content-type": "application/json",
            "user-agent": "showdrop",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body.decode()),
        }
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._post(body, headers)
        except TimeoutError as error:
            raise ChannelDownError(f"no answer within {CALL_TIMEOUT_S:.0f} s") from error
        except NoAddressError as error:
            raise ChannelDownError(error.message) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            raise ChannelDownError(f"{type(error).__name__}: {error}") from error
        return [Told()] * len(levels)

    async def close(self) -> None:
        """See ``Channel``."""
        await self._transport.aclose()

    async def _post(self, body: bytes, headers: dict[str, str]) -> None:
        address = await self._addresses.find(self._url)
        response = await guarded_post(self._transport, self._url, address, body, headers)
        try:
            await _drain(response)
        finally:
            await response.aclose()
        if response.is_success:
            return
        if response.status_code == httpx.codes.GONE:
            raise ChannelGoneError("the address answered 410 Gone: it wants no more calls")
        raise ChannelDownError(
            f"the address answered {response.status_code}",
            retry_after_ms=retry_after_ms(response.headers.get("retry-after", ""), now_ms()),
        )


def _body(channel_id: str, levels: Sequence[Level], now: datetime) -> bytes:
    told = [{"sku": one.sku, "quantity": one.quantity, "version": one.version} for one in levels]
    return _encoder.encode(
        {"type": "stock.levels", "timestamp": now, "data": {"channel_id": channel_id, "levels": told}}
    )


def _message_id(channel_id: str, levels: Sequence[Level]) -> str:
    content = _encoder.encode([channel_id, sorted((one.sku, one.quantity, one.version) for one in levels)])
    return f"msg_{hashlib.sha256(content).hexdigest()[:32]}"


async def _drain(response: httpx.Response) -> None:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > RESPONSE_BYTES:
            return
