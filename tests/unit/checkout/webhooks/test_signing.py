import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from checkout.webhooks.signing import EndpointSecrets, new_salt

DEPLOYMENT = "a secret of at least thirty-two characters"
BODY = '{"type":"order.confirmed","name":"Zoë"}'


def test_the_standards_own_verifier_takes_a_signature_and_no_other_body() -> None:
    secrets, salt = EndpointSecrets(DEPLOYMENT), new_salt()
    headers = secrets.headers("whe_1", [salt], "msg_1", BODY, datetime.now(UTC))
    verifier = Webhook(secrets.shown("whe_1", salt))
    verifier.verify(BODY.encode(), headers)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(BODY.replace("Zoë", "Zoe").encode(), headers)


def test_during_a_rotation_the_old_and_the_new_secret_both_verify() -> None:
    secrets, old, new = EndpointSecrets(DEPLOYMENT), new_salt(), new_salt()
    headers = secrets.headers("whe_1", [new, old], "msg_1", BODY, datetime.now(UTC))
    for salt in (old, new):
        Webhook(secrets.shown("whe_1", salt)).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets.shown("whe_1", new_salt())).verify(BODY, headers)


def test_a_secret_needs_the_deployments_the_endpoint_and_the_salt() -> None:
    salt = new_salt()
    shown = EndpointSecrets(DEPLOYMENT).shown("whe_1", salt)
    assert shown == EndpointSecrets(DEPLOYMENT).shown("whe_1", salt)
    assert len(base64.b64decode(shown.removeprefix("whsec_"))) == 32
    others = {
        EndpointSecrets(DEPLOYMENT + "!").shown("whe_1", salt),
        EndpointSecrets(DEPLOYMENT).shown("whe_2", salt),
        EndpointSecrets(DEPLOYMENT).shown("whe_1", new_salt()),
    }
    assert len(others | {shown}) == 4
