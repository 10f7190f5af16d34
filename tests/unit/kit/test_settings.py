import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from kit.errors import SettingError
from kit.settings import VARIABLES, Settings, ensure_secret, read_settings, unknown_variables


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOWDROP_HTTP_PORT", "http"),
        ("SHOWDROP_HTTP_PORT", "0"),
        ("SHOWDROP_HTTP_PORT", "65536"),
        ("SHOWDROP_HTTP_PORT", "-1"),
        ("SHOWDROP_WS_PORT", "8001.5"),
        ("SHOWDROP_WORKER_PORT", "tcp://10.96.0.7:8002"),  # what Kubernetes sets for a service of that name
        ("SHOWDROP_WS_PORT", "8000"),
        ("SHOWDROP_SECRET", "short"),
        ("SHOWDROP_SECRET", "pass-word" * 5 + "\udcff"),  # a byte that is not UTF-8
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://["),
        ("REDIS_URL", "redis-cluster://h:1"),
        ("DATABASE_URL", "mysql://u:pass-word@h/d"),
        ("DATABASE_URL", "postgresql://u:pass-word@[::1/d"),
        ("SHOWDROP_ORIGINS", "shop.example"),
        ("SHOWDROP_ORIGINS", "https://shop.example/path"),
        ("SHOWDROP_ORIGINS", "https://shop.example?x"),
        ("SHOWDROP_ORIGINS", "https://u@shop.example"),
        ("SHOWDROP_ORIGINS", "https://u:pass-word@shop.example"),
        ("SHOWDROP_ORIGINS", "https://a.example, https://u:pass-word/x,y@shop.example"),
        ("SHOWDROP_ORIGINS", "https://["),
        ("SHOWDROP_ORIGINS", "https://a.example, *"),
        ("SHOWDROP_LOG", "xml"),
        ("SHOWDROP_CURRENCY", "EURO"),
        ("SHOWDROP_CURRENCY", "eur"),
        ("SHOWDROP_API_URL", "api.example"),
        ("SHOWDROP_TEST_BANK", "1"),
        ("SHOWDROP_DEFLATE", "yes"),
        ("SHOWDROP_PROXIES", "proxy.example"),
        ("SHOWDROP_PROXIES", "10.0.0.1/8"),
        ("SHOWDROP_PROXIES", "10.0.0.0/8, 2001:db8::/129"),
        ("SHOWDROP_PROXIES", "10.0.0.0/8 192.0.2.7"),
        ("SHOWDROP_PROXIES", "http://u:pass-word@proxy.example:3128"),
        ("SHOWDROP_MAX_VIEWERS", "0"),
        ("SHOWDROP_MAX_VIEWERS", "1000001"),
        ("SHOWDROP_JOINS_PER_S", "-1"),
        ("SHOWDROP_JOINS_PER_S", "0.5"),
        ("SHOWDROP_ADDRESS_MESSAGES_PER_S", "many"),
        ("SHOWDROP_ADDRESS_MESSAGES_PER_S", "\u0663"),
        ("SHOWDROP_ADDRESS_VIEWERS", "-1"),
        ("SHOWDROP_ADDRESS_REQUESTS_PER_S", "1000001"),
        ("SHOWDROP_TOKEN_REQUESTS_PER_S", "off"),
    ],
)
def test_a_wrong_value_names_its_variable_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        read_settings({name: value})
    assert name in error.value.message
    assert "\n" not in error.value.message
    assert "pass-word" not in error.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://["),
        ("DATABASE_URL", "postgresql://u:p@[::1/d"),
        ("SHOWDROP_API_URL", "http://[api.example"),
        ("SHOWDROP_WS_URL", "ws://::1]"),
    ],
)
def test_an_address_whose_scheme_is_right_is_not_told_to_begin_with_it(name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        read_settings({name: value})
    assert error.value.message == f"{name} is malformed; write it like {value.partition(':')[0]}://host:port"


def test_a_wrong_value_is_repeated_unless_a_password_may_be_in_it() -> None:
    with pytest.raises(SettingError, match=r"^SHOWDROP_ORIGINS: 'shop\.example' is not an origin; "):
        read_settings({"SHOWDROP_ORIGINS": "https://a.example, shop.example"})
    with pytest.raises(SettingError, match=r"^SHOWDROP_ORIGINS: '…@…' is not an origin; "):
        read_settings({"SHOWDROP_ORIGINS": "https://u:pass,word@shop.example"})
    with pytest.raises(SettingError, match=r"^SHOWDROP_HTTP_PORT='…@…' is not a port; "):
        read_settings({"SHOWDROP_HTTP_PORT": "https://u:pass-word@shop.example"})


def test_nothing_set_gives_the_defaults_that_the_help_shows() -> None:
    settings = read_settings(dict.fromkeys((one.name for one in VARIABLES), "  "))
    assert settings == Settings()
    shown = {one.name: one.default for one in VARIABLES}
    assert shown["SHOWDROP_HTTP_PORT"] == str(settings.http_port)
    assert shown["SHOWDROP_WS_PORT"] == str(settings.ws_port)
    assert (shown["SHOWDROP_WORKER_PORT"], settings.worker_port) == ("none", None)
    assert shown["SHOWDROP_DATA_DIR"] == str(settings.data_dir)


def test_values_are_read_and_flags_win() -> None:
    environ = {
        "SHOWDROP_HTTP_PORT": "9000",
        "SHOWDROP_WORKER_PORT": "9002",
        "SHOWDROP_ORIGINS": "https://a.example/, http://b.example:8080",
        "REDIS_URL": "unix:///run/redis.sock",
        "SHOWDROP_LOG": "json",
        "SHOWDROP_TEST_BANK": "off",
    }
    settings = read_settings(environ, flags={"http_port": 9100, "host": None})
    assert settings.http_port == 9100
    assert settings.worker_port == 9002
    assert settings.host == "127.0.0.1"
    assert settings.origins == ("https://a.example", "http://b.example:8080")
    assert settings.redis_url == "unix:///run/redis.sock"
    assert settings.log == "json"
    assert not settings.test_bank


def test_the_limits_of_a_gateway_are_read() -> None:
    settings = read_settings(
        {
            "SHOWDROP_DEFLATE": "on",
            "SHOWDROP_PROXIES": "10.0.0.0/8, 192.0.2.7,2001:db8::/32,",
            "SHOWDROP_MAX_VIEWERS": "1",
            "SHOWDROP_JOINS_PER_S": "1000000",
            "SHOWDROP_ADDRESS_MESSAGES_PER_S": "007",
        }
    )
    assert settings.deflate
    assert settings.proxies == tuple(ip_network(one) for one in ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"))
    assert (settings.max_viewers, settings.joins_per_s, settings.address_messages_per_s) == (1, 1_000_000, 7)


def test_nought_turns_a_limit_of_an_address_or_a_token_off() -> None:
    names = ("SHOWDROP_ADDRESS_VIEWERS", "SHOWDROP_ADDRESS_REQUESTS_PER_S", "SHOWDROP_TOKEN_REQUESTS_PER_S")
    settings = read_settings(dict.fromkeys(names, "0"))
    assert (settings.address_viewers, settings.address_requests_per_s, settings.token_requests_per_s) == (0, 0, 0)


def test_nothing_set_opens_no_door_wider_than_it_says() -> None:
    settings = read_settings({})
    assert not settings.deflate
    assert settings.proxies == ()
    shown = {one.name: one.default for one in VARIABLES}
    assert shown["SHOWDROP_MAX_VIEWERS"] == str(settings.max_viewers)
    assert shown["SHOWDROP_JOINS_PER_S"] == str(settings.joins_per_s)
    assert shown["SHOWDROP_ADDRESS_MESSAGES_PER_S"] == str(settings.address_messages_per_s)
    assert shown["SHOWDROP_ADDRESS_VIEWERS"] == str(settings.address_viewers)
    assert shown["SHOWDROP_ADDRESS_REQUESTS_PER_S"] == str(settings.address_requests_per_s)
    assert shown["SHOWDROP_TOKEN_REQUESTS_PER_S"] == str(settings.token_requests_per_s)
    assert (shown["SHOWDROP_DEFLATE"], shown["SHOWDROP_PROXIES"]) == ("off", "none")


def test_the_secret_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    secret = ensure_secret(settings)
    assert len(secret) >= 32
    assert ensure_secret(settings) == secret
    [file] = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ensure_secret(Settings(data_dir=tmp_path, secret="given")) == "given"


@pytest.mark.parametrize("held", [b"", b"x" * 31 + b"\n", b"\xff" * 8])
def test_a_secret_file_that_holds_too_little_is_a_setting_error_that_names_it(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "secret").write_bytes(held)
    with pytest.raises(SettingError, match=str(tmp_path / "secret")) as error:
        ensure_secret(Settings(data_dir=tmp_path))
    assert "\n" not in error.value.message
    (tmp_path / "secret").write_bytes(b"x" * 32)
    assert ensure_secret(Settings(data_dir=tmp_path)) == "x" * 32


def test_a_data_directory_that_cannot_be_is_a_setting_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="SHOWDROP_DATA_DIR"):
        ensure_secret(Settings(data_dir=tmp_path / "file"))


def test_a_misspelt_variable_is_told_with_the_one_that_may_be_meant() -> None:
    known = [one.name for one in VARIABLES]
    environ = {
        "SHOWDROP_HTTP_PROT": "8100",
        "SHOWDROP_ORIGIN": "https://a.example",
        "SHOWDROP_API_SERVICE_HOST": "10.0.0.1",
        "SHOWDROP_HTTP_PORT": "8100",
        "PATH": "/bin",
    }
    assert unknown_variables(environ, known) == {
        "SHOWDROP_API_SERVICE_HOST": None,
        "SHOWDROP_HTTP_PROT": "SHOWDROP_HTTP_PORT",
        "SHOWDROP_ORIGIN": "SHOWDROP_ORIGINS",
    }
    assert unknown_variables(dict.fromkeys(known, ""), known) == {}
