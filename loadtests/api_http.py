"""The API as the swarm's host and the verifier call it."""

import time
import uuid
from typing import Any, Final

import httpx
import msgspec

from loadtests.addresses import check_api, no_address, without_user
from loadtests.errors import LoadError
from loadtests.tokens import mint

TIMEOUT_S: Final = 30.0
"""For one call: under full load the host waits, too."""

AGAIN_FOR_S: Final = 10.0
"""A call that was not answered, or by a proxy only, is made again for so long, with the same idempotency key."""

AGAIN_EVERY_S: Final = 0.2

NO_ANSWERS: Final = frozenset({502, 503, 504})


class _Why(msgspec.Struct):
    message: str
    code: str


class _Refusal(msgspec.Struct):
    """What the API says when it refuses something, and nobody else does."""

    error: _Why


class Api:
    """Calls the API with a host's token.

    Args:
        url: base address.
        secret: the deployment's.
        option: of the command, where it was told the address.

    Raises:
        LoadError: the address is none.
    """

    def __init__(self, url: str, secret: str, option: str = "--url") -> None:
        self._place = without_user(url)
        self._option = option
        headers = {"authorization": f"Bearer {mint(secret, 'host', 'load')}"}
        try:
            self._client = httpx.Client(base_url=check_api(url), headers=headers, timeout=TIMEOUT_S, trust_env=False)
        except httpx.InvalidURL as error:  # no TransportError: httpx finds it before it sends anything
            raise no_address("API") from error

    def call(self, method: str, path: str, body: object | None = None) -> Any:  # noqa: ANN401 - as the API answers
        """Return what a call answers; ``body`` is CSV when it is a text.

        Raises:
            LoadError: no answer, or a no, or one that is not Showdrop's.
        """
        headers = {"idempotency-key": str(uuid.uuid4())} if method == "POST" else {}
        gives_up_s = time.monotonic() + AGAIN_FOR_S
        while True:
            try:
                response = self._send(method, path, body, headers)
            except httpx.InvalidURL as error:  # ids come from files and answers
                raise LoadError(f"{method} {path!r}: no path that the API could have") from error
            except httpx.TransportError as error:
                if time.monotonic() > gives_up_s:
                    raise self._silent(f"{method} {path}", type(error).__name__) from error
            else:
                if response.status_code not in NO_ANSWERS or time.monotonic() > gives_up_s:
                    return self._read(f"{method} {path}", response)
            time.sleep(AGAIN_EVERY_S)

    def _read(self, call: str, response: httpx.Response) -> Any:  # noqa: ANN401 - as the API answers
        try:
            if response.is_success:
                return response.json()
            why = msgspec.json.decode(response.content, type=_Refusal).error
        except ValueError as error:  # of msgspec, too
            if response.status_code in NO_ANSWERS:  # a proxy's
                raise self._silent(call, str(response.status_code)) from error
            raise LoadError(
                f"{call}: there is no Showdrop at {self._place}: what answers is something else "
                f"({response.status_code}); say the address of its API with {self._option}"
            ) from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise LoadError(
                f"{call}: {self._place} refuses the token; SHOWDROP_SECRET or SHOWDROP_DATA_DIR must be that server's"
            )
        raise LoadError(f"{call}: {why.message} ({why.code})")

    def _silent(self, call: str, how: str) -> LoadError:
        where = f"no answer from {self._place} ({how})"
        return LoadError(f"{call}: {where}; is Showdrop running there? Say another address with {self._option}")

    def _send(self, method: str, path: str, body: object | None, headers: dict[str, str]) -> httpx.Response:
        if isinstance(body, str):
            csv = headers | {"content-type": "text/csv"}
            return self._client.request(method, path, content=body.encode(), headers=csv)
        return self._client.request(method, path, json=body, headers=headers)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
