"""Tokens of the load test's own: minted with the deployment's secret, as a merchant's own back end may do."""

import os
import time
from pathlib import Path
from typing import Final, Literal

import jwt

from loadtests.data_dir import secret_of

TTL_S: Final = 12 * 3_600
"""Longer than any load test."""


class NoSecretError(Exception):
    """There is no secret to mint tokens with; the message says where it was looked for."""


def mint(secret: str, role: Literal["host", "viewer"], subject: str, show_id: str | None = None) -> str:
    """Return a token that is good for ``TTL_S``."""
    claims = {"sub": subject, "role": role, "exp": int(time.time()) + TTL_S}
    return jwt.encode(claims if show_id is None else claims | {"show_id": show_id}, secret, algorithm="HS256")


def find_secret() -> str:
    """Return the secret of the deployment: ``SHOWDROP_SECRET``, or that of the data directory.

    Raises:
        NoSecretError: there is neither.
    """
    given = os.environ.get("SHOWDROP_SECRET")
    if given:
        return given
    data_dir = Path(os.environ.get("SHOWDROP_DATA_DIR", ".showdrop"))
    try:
        return secret_of(data_dir)
    except OSError as error:
        raise NoSecretError(
            f"no secret in {data_dir}; set SHOWDROP_SECRET or SHOWDROP_DATA_DIR to the server's"
        ) from error
