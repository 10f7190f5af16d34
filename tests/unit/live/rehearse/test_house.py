from pathlib import Path

import pytest
from msgspec.structs import replace

from checkout.payments.settings import read_payment_settings
from kit.errors import SettingError
from kit.settings import read_settings
from live.rehearse.house import CATALOGUE, FAKE, ROOT, Doors, environment, fake_words, require_fakes
from live.rehearse.limits import STRIPE_FAKE_PER_S

DOORS = Doors(http_port=8100, ws_port=8101, key="sk_test_1", webhook_secret="whsec_1", stripe_url="http://127.0.0.1:9")
MINE = {
    "PATH": "/bin",
    "REDIS_URL": "redis://my.shop",
    "DATABASE_URL": "postgresql://my.shop/live",
    "SHOWDROP_SECRET": "s" * 40,
    "SHOWDROP_MPESA_KEY": "mine",
    "SHOWDROP_STRIPE_KEY": "sk_live_mine",
    "SHOWDROP_CURRENCY": "KES",
}


def test_nothing_of_a_deployment_of_the_users_own_gets_into_the_house() -> None:
    made = environment(MINE, DOORS, Path("/house/data"))
    assert made["PATH"] == "/bin"
    settings, payments = read_settings(made), read_payment_settings(made)
    assert (settings.redis_url, settings.database_url, settings.secret, settings.currency) == (None, None, None, "EUR")
    assert (settings.http_port, settings.ws_port, settings.data_dir) == (8100, 8101, Path("/house/data"))
    assert payments.mpesa is None
    assert payments.stripe is not None
    assert payments.stripe.key.reveal() == "sk_test_1"
    assert (payments.stripe.url, payments.stripe.per_s) == ("http://127.0.0.1:9", STRIPE_FAKE_PER_S)


def test_the_fake_is_started_before_its_address_is_known() -> None:
    unknown = replace(DOORS, stripe_url=None)
    assert "SHOWDROP_STRIPE_URL" not in environment(MINE, unknown, Path("/house/data"))
    words = fake_words(unknown, 7)
    assert "http://127.0.0.1:8100/v1/webhooks/payments/stripe" in words
    assert not [word for word in words if "sk_test" in word or "whsec" in word], "secrets are seen in a process list"


def test_where_the_fake_is_missing_one_line_says_so(tmp_path: Path) -> None:
    require_fakes(ROOT)
    with pytest.raises(SettingError, match="needs the repository: there is no tests/fakes/stripe"):
        require_fakes(tmp_path)
    (tmp_path / FAKE).parent.mkdir(parents=True)
    (tmp_path / FAKE).touch()
    with pytest.raises(SettingError, match=r"there is no samples/apparel\.csv"):
        require_fakes(tmp_path)
    (tmp_path / CATALOGUE).parent.mkdir()
    (tmp_path / CATALOGUE).touch()
    require_fakes(tmp_path)
