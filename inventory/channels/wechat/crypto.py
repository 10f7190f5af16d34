"""How WeChat signs and encrypts what it sends to us. Pure.

The rules: https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html.
A signature is SHA-1 over a shared token and the signed texts in alphabetical order. A message is encrypted with
AES-256-CBC, filled up to blocks of 32 bytes; in it stand 16 random bytes, the message's length in four, the message,
and the id of the app that it is for.
"""

import base64
import hashlib
import hmac
import re
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TOKEN_FORM: Final = re.compile(r"[0-9A-Za-z]{3,32}")
"""A callback token."""

KEY_FORM: Final = re.compile(r"[0-9A-Za-z]{43}")
"""An EncodingAESKey: Base64 of 32 bytes without its last sign."""

_BLOCK: Final = 32
_RANDOM: Final = 16
_LENGTH: Final = 4


class UndecipherableError(ValueError):
    """It was encrypted with another key, or is nothing that was encrypted."""


def signature(*parts: str) -> str:
    """Return the signature of some texts, the token among them, in whatever order."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def is_signed(given: str, *parts: str) -> bool:
    """Tell whether ``given`` is the signature of the texts; in constant time."""
    return hmac.compare_digest(given.encode(), signature(*parts).encode())


def deciphered(encoding_aes_key: str, encrypted: str) -> tuple[bytes, str]:
    """Return a message, and the id of the app that it is for.

    Args:
        encoding_aes_key: of the form ``KEY_FORM``.
        encrypted: Base64, as it stands in the envelope.

    Raises:
        UndecipherableError: it says nothing.
    """
    try:
        cipher = base64.b64decode(encrypted, validate=True)
        key = base64.b64decode(encoding_aes_key + "=")
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = decryptor.update(cipher) + decryptor.finalize()
        plain = _without_padding(padded)[_RANDOM:]
        length = int.from_bytes(plain[:_LENGTH])
        message, appid = plain[_LENGTH : _LENGTH + length], plain[_LENGTH + length :]
        if len(message) != length:
            raise UndecipherableError("it is shorter than it says")
        return message, appid.decode()
    except ValueError as error:
        raise UndecipherableError("it cannot be deciphered") from error


def _without_padding(padded: bytes) -> bytes:
    count = padded[-1] if padded else 0
    if not 1 <= count <= _BLOCK or padded[-count:] != bytes([count]) * count:
        raise UndecipherableError("it is not filled up as it should be")
    return padded[:-count]
