import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from standardwebhooks import Webhook

from live.rehearse.receiver_http import ChannelReceiver

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()


@pytest.fixture
def receiver() -> Iterator[ChannelReceiver]:
    with ChannelReceiver() as receiver:
        yield receiver


def call(receiver: ChannelReceiver, quantity: int, version: int, *, secret: str = SECRET) -> int:
    level = {"sku": "MUG", "quantity": quantity, "version": version}
    body = msgspec.json.encode({"type": "stock.levels", "data": {"levels": [level]}}).decode()
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    return httpx.post(receiver.url, content=body, headers=headers, trust_env=False).status_code


def test_the_highest_version_is_what_the_channel_shows(receiver: ChannelReceiver) -> None:
    receiver.know_secret(SECRET)
    assert call(receiver, 7, 2) == 204
    assert call(receiver, 9, 1) == 204
    assert (receiver.level("MUG"), receiver.calls) == (7, 2)


def test_a_forged_call_is_refused_and_counted(receiver: ChannelReceiver) -> None:
    receiver.know_secret(SECRET)
    assert (
        call(receiver, 7, 1, secret="whsec_" + base64.b64encode(b"another secret, just as long ....").decode()) == 401
    )
    assert (
        httpx.post(receiver.url, content=b"{}", headers={"webhook-signature": "x"}, trust_env=False).status_code == 401
    )
    assert (receiver.level("MUG"), receiver.bad_signatures) == (None, 2)


def test_a_call_before_the_secret_is_known_comes_again_later(receiver: ChannelReceiver) -> None:
    assert call(receiver, 7, 1) == 503
    receiver.know_secret(SECRET)
    assert call(receiver, 7, 1) == 204
