"""Calls to a channel's API over HTTP: time and size are bounded, and what is no answer at all becomes one error."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.limits import ANSWER_BYTES, CALL_TIMEOUT_S
from kit.clock import now_ms
from kit.retry_after import retry_after_ms

_NO_COOKIES: Final = DefaultCookiePolicy(allowed_domains=[])


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer below 500 and other than 429: the channel has looked at the call.

    Attributes:
        status: of HTTP. 200 is not yet success.
        headers: names in lower case.
        body: as it came.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class ChannelCalls:
    """A pool of connections to one API.

    Args:
        base_url: scheme and host, and a path if all calls share one; without a slash at the end.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._client = httpx.AsyncClient(
            timeout=CALL_TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(_NO_COOKIES),
            headers={"user-agent": "showdrop"},
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Make one call; the body is sent byte for byte.

        Raises:
            ChannelDownError: no answer in time, no connection, 429, or 500 and above. It names neither parameters nor
                headers, which may hold secrets.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                request = self._client.build_request(
                    method, self._base_url + path, params=params, headers=dict(headers or {}), content=body
                )
                response = await self._client.send(request, stream=True)
                try:
                    content = await _read(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ChannelDownError(f"{method} {path}: no answer within {CALL_TIMEOUT_S:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Not the error's own text: it may name the address with everything in it.
            raise ChannelDownError(f"{method} {path}: {type(error).__name__}") from error
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error:
            raise ChannelDownError(
                f"{method} {path}: answered {response.status_code}",
                retry_after_ms=retry_after_ms(response.headers.get("retry-after", ""), now_ms()),
            )
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=content,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


async def _read(response: httpx.Response) -> bytes:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > ANSWER_BYTES:
            raise ChannelDownError(f"the answer is longer than {ANSWER_BYTES} bytes")
    return bytes(read)
