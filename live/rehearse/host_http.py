"""The host of a rehearsal: the HTTP API as a program uses it."""

import asyncio
import time
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from kit.errors import ShowdropError, UnavailableError
from kit.ids import new_ulid
from live.rehearse.limits import GATEWAY_DIAL_S, HTTP_TIMEOUT_S, SERVER_GONE_S

T = TypeVar("T")

RETRY_S = 0.5


class ServerGoneError(UnavailableError):
    """The server has not answered for ``SERVER_GONE_S``."""

    default_code = "server_gone"


class NoServerError(ShowdropError):
    """Nobody listens at the address: the rehearsal cannot begin."""

    default_code = "no_server"


class HostRefusedError(ShowdropError):
    """The API refused what the rehearsal asked for."""

    default_code = "host_refused"


class _Refusal(msgspec.Struct):
    code: str
    message: str


class _RefusalAnswer(msgspec.Struct):
    error: _Refusal


class HostHttp:
    """Calls the API with the host's token.

    Args:
        url: base address, such as ``http://127.0.0.1:8000``.
        token: a host token for the whole shop.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=HTTP_TIMEOUT_S,
            trust_env=False,
        )

    async def get(self, path: str, answer: type[T]) -> T:
        """Call a GET; raises as ``post`` does."""
        return msgspec.json.decode(await self._call("GET", path, None, ""), type=answer)

    async def post(self, path: str, body: object, answer: type[T], *, key: str | None = None) -> T:
        """Call a POST; it is repeated with the same Idempotency-Key while the server does not answer.

        Raises:
            HostRefusedError: the API refused; the message is its own.
            ServerGoneError: no answer for ``SERVER_GONE_S``.
        """
        return msgspec.json.decode(await self.post_raw(path, body, key=key), type=answer)

    async def post_raw(self, path: str, body: object, *, key: str | None = None) -> bytes:
        """Call a POST and return the answer's bytes; raises as ``post`` does."""
        return await self._call("POST", path, msgspec.json.encode(body), key or new_ulid())

    async def delete(self, path: str) -> None:
        """Call a DELETE; raises as ``post`` does."""
        await self._call("DELETE", path, None, "")

    async def metrics(self) -> str:
        """Return the API's ``/metrics``; raises as ``post`` does."""
        return (await self._call("GET", "/metrics", None, "")).decode()

    async def check(self) -> None:
        """Return when somebody listens there. Raises NoServerError at once when the connection is refused."""
        try:
            await self._client.get("/healthz")
        except httpx.ConnectError as error:
            raise NoServerError(
                f"no server at {self._url}; start it with make run, or set SHOWDROP_HTTP_PORT / --url"
            ) from error
        except httpx.TransportError:
            pass  # slow, or just restarting: the calls that follow are patient

    async def is_alive(self) -> bool:
        """Tell whether the server answers at all."""
        try:
            return (await self._client.get("/healthz")).is_success
        except httpx.TransportError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _call(self, method: str, path: str, body: bytes | None, key: str) -> bytes:
        headers = {} if body is None else {"content-type": "application/json", "idempotency-key": key}
        gives_up_at = time.monotonic() + SERVER_GONE_S
        while True:
            try:
                response = await self._client.request(method, path, content=body, headers=headers)
            except httpx.TransportError as error:
                why = type(error).__name__
            else:
                if response.is_success:
                    return response.content
                if response.status_code not in (429, 502, 503, 504):
                    raise HostRefusedError(f"{method} {path}: {_message(response)}", code=_code(response))
                why = f"HTTP {response.status_code}"
            if time.monotonic() > gives_up_at:
                raise ServerGoneError(f"{self._url} has not answered for {SERVER_GONE_S:.0f} s ({why})")
            await asyncio.sleep(RETRY_S)


async def check_gateway(ws_url: str) -> None:
    """Return when somebody takes connections at the gateway's address.

    Raises:
        NoServerError: nobody does, within ``GATEWAY_DIAL_S``.
    """
    parts = urlsplit(ws_url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        async with asyncio.timeout(GATEWAY_DIAL_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError) as error:
        raise NoServerError(f"no gateway at {ws_url}; start it, or say where it is with --ws-url") from error
    writer.close()


def _refusal(response: httpx.Response) -> _Refusal:
    try:
        return msgspec.json.decode(response.content, type=_RefusalAnswer).error
    except msgspec.DecodeError:
        return _Refusal(code="host_refused", message=f"HTTP {response.status_code}")


def _message(response: httpx.Response) -> str:
    return _refusal(response).message


def _code(response: httpx.Response) -> str:
    return _refusal(response).code
