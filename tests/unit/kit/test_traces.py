import pytest

from kit.errors import SettingError
from kit.traces import ENDPOINT, NO_TRACES, SHARE, ids_of, share_of
from kit.traces_otlp import HEADERS, collector_of, open_traces


def test_a_hold_always_names_the_same_trace_and_another_hold_another_one() -> None:
    assert ids_of("hold_1") == ids_of("hold_1")
    many = {ids_of(f"hold_{number}") for number in range(1_000)}
    assert len({trace for trace, _ in many}) == len({span for _, span in many}) == 1_000
    assert all(0 < trace < 1 << 128 and 0 < span < 1 << 64 for trace, span in many)


def test_without_an_endpoint_nothing_is_traced_and_nothing_is_asked_for() -> None:
    assert open_traces("api", {}) is NO_TRACES
    assert open_traces("api", {ENDPOINT: "  ", SHARE: "nonsense"}) is NO_TRACES
    assert not NO_TRACES.on


@pytest.mark.parametrize("text", ["-0.1", "1.5", "half", "nan"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=SHARE):
        share_of({SHARE: text})


def test_all_purchases_are_kept_if_nothing_is_said() -> None:
    assert share_of({}) == share_of({SHARE: " "}) == 1.0
    assert share_of({SHARE: "0.05"}) == 0.05


@pytest.mark.parametrize(
    ("endpoint", "collector"),
    [
        (" ", None),
        ("http://collector:4318/", ("collector", 4318)),
        ("http://collector", ("collector", 80)),
        ("https://user:pass@collector/prefix", ("collector", 443)),
        ("https://[::1]:4318", ("::1", 4318)),
    ],
)
def test_the_collector_is_where_the_endpoint_says(endpoint: str, collector: tuple[str, int] | None) -> None:
    assert collector_of({ENDPOINT: endpoint}) == collector


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    with pytest.raises(SettingError, match=ENDPOINT):
        open_traces("api", {ENDPOINT: "collector:4318"})


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://collector:99999", "http://:4318"])
def test_an_address_that_cannot_be_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingError, match=ENDPOINT):
        open_traces("api", {ENDPOINT: url})


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_cannot_be_are_refused_and_not_repeated(name: str) -> None:
    for text in ("Authorization: Bearer hunter2", "hunter2", "a=b,hunter2", "two words=hunter2"):
        with pytest.raises(SettingError, match=name) as refused:
            open_traces("api", {ENDPOINT: "http://collector:4318", name: text})
        assert "hunter2" not in refused.value.message
