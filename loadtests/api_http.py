"""The API as the swarm's host and the verifier call it."""

import time
import uuid
from typing import Any, Final

import httpx

from loadtests.addresses import check_api, no_address
from loadtests.errors import LoadError
from loadtests.tokens import mint

TIMEOUT_S: Final = 30.0
"""For one call: under full load the host waits, too."""

AGAIN_FOR_S: Final = 10.0
"""A call that was not answered, or by a proxy only, is made again for so long, with the same idempotency key."""

AGAIN_EVERY_S: Final = 0.2

NO_ANSWERS: Final = frozenset({502, 503, 504})


def _read(method: str, path: str, response: httpx.Response) -> Any:  # noqa: ANN401 - as the API answers
    try:
        return response.json()
    except ValueError as error:
        raise LoadError(f"{method} {path}: the answer is no JSON; is this the address of the API?") from error


class Api:
    """Calls the API with a host's token.

    Args:
        url: base address.
        secret: the deployment's.

    Raises:
        LoadError: the address is none.
    """

    def __init__(self, url: str, secret: str) -> None:
        headers = {"authorization": f"Bearer {mint(secret, 'host', 'load')}"}
        try:
            self._client = httpx.Client(base_url=check_api(url), headers=headers, timeout=TIMEOUT_S, trust_env=False)
        except httpx.InvalidURL as error:  # no TransportError: httpx finds it before it sends anything
            raise no_address("API") from error

    def call(self, method: str, path: str, body: object | None = None) -> Any:  # noqa: ANN401 - as the API answers
        """Return what a call answers; ``body`` is CSV when it is a text.

        Raises:
            LoadError: no answer, or a no.
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
                    raise LoadError(f"{method} {path}: no answer ({type(error).__name__})") from error
            else:
                if response.is_success:
                    return _read(method, path, response)
                if response.status_code not in NO_ANSWERS or time.monotonic() > gives_up_s:
                    raise LoadError(f"{method} {path}: {response.text[:300]}")
            time.sleep(AGAIN_EVERY_S)

    def _send(self, method: str, path: str, body: object | None, headers: dict[str, str]) -> httpx.Response:
        if isinstance(body, str):
            csv = headers | {"content-type": "text/csv"}
            return self._client.request(method, path, content=body.encode(), headers=csv)
        return self._client.request(method, path, json=body, headers=headers)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
