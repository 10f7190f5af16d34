"""Addresses that are none: one line and the exit code that says "cannot", whoever is told them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests import swarm
from loadtests.addresses import check_api, check_gateway
from loadtests.api_http import Api
from loadtests.errors import LoadError
from loadtests.records import HostRecord, RunRecord, write_record
from loadtests.verifier import command as verifier

CANNOT = 2
SECRET = "s" * 43
NONE = ["", "127.0.0.1:8000", "/v1", "http:", "http://", "http://[::1", "http://[::g]", "http://a:99999", "http://a:x"]
NONE += ["http://a:0", "http://a..b", "http://a?b", "http://a#b", "ftp://a", "http://u:hunter2@[::1"]
NO_API = "the address of the API has to be such as http://127.0.0.1:8000"
NO_GATEWAY = "the address of the gateway has to be such as ws://127.0.0.1:8001"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDROP_SECRET", SECRET)


@pytest.mark.parametrize("url", [*NONE, "http://a\x00b", "ws://a"])
def test_what_is_no_address_of_an_api_is_refused_before_any_call(url: str) -> None:
    with pytest.raises(LoadError) as caught:
        Api(url, SECRET)
    assert str(caught.value) == NO_API


@pytest.mark.parametrize("url", [one.replace("http", "ws") for one in NONE] + ["http://a"])
def test_what_is_no_address_of_a_gateway_is_refused(url: str) -> None:
    with pytest.raises(LoadError) as caught:
        check_gateway(url)
    assert str(caught.value) == NO_GATEWAY


def test_addresses_are_taken_as_they_are() -> None:
    for url in ("http://127.0.0.1:8000", "https://rehearsal.example.com/base", "http://[::1]:8000", "HTTP://localhost"):
        assert check_api(url) == url
    for url in ("ws://10.0.0.7:8001", "wss://live.example.com", "ws://[::1]:8001/"):
        assert check_gateway(url) == url


def test_an_id_that_fits_into_no_address_is_an_error_of_the_load_tests_own() -> None:
    api = Api("http://127.0.0.1:9", SECRET)
    with pytest.raises(LoadError, match="no path that the API could have"):
        api.call("GET", "/v1/offers/\x00")
    api.close()


def test_the_verifier_cannot_judge_there(tmp_path: Path) -> None:
    record = RunRecord(tool="swarm", tier="XS", shape="drop", show_id="show_1", host=HostRecord(show_id="show_1"))
    write_record(record, tmp_path, "host")
    words = ["--records", str(tmp_path), "--url", "http://[::1", "--no-reconcile"]
    result = CliRunner().invoke(verifier.main, words)
    assert (result.exit_code, result.output) == (CANNOT, f"verifier: {NO_API}\n")


def test_the_swarm_cannot_play_there(tmp_path: Path) -> None:
    words = ["--tier", "XS", "--records", str(tmp_path)]
    result = CliRunner().invoke(swarm.main, [*words, "--url", "http://[::1"])
    assert (result.exit_code, result.output) == (CANNOT, f"swarm: {NO_API}\n")
    result = CliRunner().invoke(swarm.main, [*words, "--url", "http://127.0.0.1:9", "--ws-url", "ws://[::1"])
    assert (result.exit_code, result.output) == (CANNOT, f"swarm: {NO_GATEWAY}\n")
