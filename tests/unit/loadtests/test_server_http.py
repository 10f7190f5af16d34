"""What a deployment of the load test's own is told: nothing that the shell says of another one."""

from pathlib import Path

import pytest

from loadtests.deployment_http import Deployment
from loadtests.server_http import Server, without_settings

THEIRS = {
    "REDIS_URL": "redis://10.0.0.1",
    "DATABASE_URL": "postgresql://10.0.0.1/shop",
    "SHOWDROP_SECRET": "s" * 43,
    "SHOWDROP_MAX_VIEWERS": "5",
    "SHOWDROP_STRIPE_KEY": "sk_live_1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://10.0.0.1:4318",
}


def test_every_setting_of_another_deployment_is_left_out_and_the_rest_stays() -> None:
    rest = {"PATH": "/bin", "HOME": "/home/load", "LC_ALL": "C"}
    assert without_settings(THEIRS | rest) == rest


def test_servers_of_the_load_tests_own_do_not_hear_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in THEIRS.items():
        monkeypatch.setenv(name, value)
    for environ in (Server(tmp_path).environ, Deployment(tmp_path).environ):
        assert not environ.keys() & THEIRS.keys()
        assert environ["SHOWDROP_DATA_DIR"] == str(tmp_path / "data")
