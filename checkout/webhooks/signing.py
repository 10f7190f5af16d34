"""Secrets and signatures of webhooks out, as Standard Webhooks say (https://www.standardwebhooks.com).

An endpoint's secret is worked out from the deployment's secret and a salt in the database: neither alone is enough to
sign, nothing secret is stored, and the secret of a repeated request is the same again.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

from checkout.webhooks.limits import SALT_BYTES, SECRET_BYTES

LABEL: Final = b"showdrop webhook endpoint"

assert hashlib.sha256().digest_size == SECRET_BYTES


def new_salt() -> bytes:
    """Return a fresh salt."""
    return secrets.token_bytes(SALT_BYTES)


class EndpointSecrets:
    """Works out endpoints' secrets.

    Args:
        secret: the deployment's; never used as it is.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), LABEL, hashlib.sha256).digest()

    def shown(self, endpoint_id: str, salt: bytes) -> str:
        """Return a secret as its merchant gets it: ``whsec_`` and base64."""
        return "whsec_" + base64.b64encode(self._secret(endpoint_id, salt)).decode()

    def headers(
        self, endpoint_id: str, salts: Sequence[bytes], message_id: str, body: str, at: datetime
    ) -> dict[str, str]:
        """Return the headers of a call.

        Args:
            endpoint_id: who is called.
            salts: of the secrets that sign now; each adds a signature, and a receiver is content with one.
            message_id: the same at every try.
            body: as it is sent.
            at: the time of this try, in UTC.
        """
        signed = (Webhook(self._secret(endpoint_id, salt)).sign(message_id, at, body) for salt in salts)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signed),
        }

    def _secret(self, endpoint_id: str, salt: bytes) -> bytes:
        return hmac.new(self._key, endpoint_id.encode() + b"\0" + salt, hashlib.sha256).digest()
