"""Sealing small secrets for the database: AES-256-GCM, under a key that is derived from the deployment's secret.

Who has the database alone cannot open them, and what was sealed for one owner opens for no other. NIST SP 800-38D asks
for fewer than 2**32 seals with random nonces under one key; there will be some thousands.
"""

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.errors import ShowdropError

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12


class SealedError(ShowdropError):
    """What was sealed does not open: it was sealed with another secret or for another owner, or was changed."""

    default_code = "sealed"


class Vault:
    """Seals and opens.

    Args:
        secret: the deployment's; never used as it is.
        label: what is sealed here; what is sealed under one label does not open under another.
    """

    def __init__(self, secret: str, label: str) -> None:
        self._cipher = AESGCM(hmac.new(secret.encode(), f"showdrop vault {label}".encode(), hashlib.sha256).digest())

    def __repr__(self) -> str:
        """Without the key."""
        return "Vault()"

    def seal(self, plain: bytes, *, owner: str) -> bytes:
        """Return ``plain`` sealed for ``owner``; sealing it again gives other bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, plain, owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> bytes:
        """Return what was sealed.

        Raises:
            SealedError: it does not open.
        """
        head = len(_FORMAT)
        nonce, rest = sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
        if not sealed.startswith(_FORMAT) or len(nonce) < _NONCE_BYTES:
            raise SealedError("this is nothing that was sealed here")
        try:
            return self._cipher.decrypt(nonce, rest, owner.encode())
        except InvalidTag:
            raise SealedError("this was sealed with another secret, or was changed") from None
