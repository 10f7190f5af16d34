"""The API as the swarm's host and the verifier call it."""

import uuid
from typing import Any, Final

import httpx

from loadtests.errors import LoadError
from loadtests.tokens import mint

TIMEOUT_S: Final = 30.0
"""For one call: under full load the host waits, too."""


class Api:
    """Calls the API with a host's token.

    Args:
        url: base address.
        secret: the deployment's.
    """

    def __init__(self, url: str, secret: str) -> None:
        headers = {"authorization": f"Bearer {mint(secret, 'host', 'load')}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def call(self, method: str, path: str, body: object | None = None) -> Any:  # noqa: ANN401 - as the API answers
        """Return what a call answers; ``body`` is CSV when it is a text.

        Raises:
            LoadError: no answer, or a no.
        """
        headers = {"idempotency-key": str(uuid.uuid4())} if method == "POST" else {}
        try:
            if isinstance(body, str):
                headers["content-type"] = "text/csv"
                response = self._client.request(method, path, content=body.encode(), headers=headers)
            else:
                response = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise LoadError(f"{method} {path}: no answer ({type(error).__name__})") from error
        if not response.is_success:
            raise LoadError(f"{method} {path}: {response.text[:300]}")
        return response.json()

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
