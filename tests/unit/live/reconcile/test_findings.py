"""Several looks: only what all of them show is drift."""

from live.reconcile.findings import Drift, Finding, drift_keys, lasting


def finding(*abouts: str, figures: str = "") -> Finding:
    return Finding(
        check="books",
        figures=figures,
        drifts=tuple(Drift(about=about, text=f"{about} {figures}", remedy="none", target=about) for about in abouts),
    )


def test_what_a_later_look_does_not_show_was_on_its_way() -> None:
    first = [finding("stuck", "moving")]
    assert drift_keys(lasting([finding("stuck")], drift_keys(first))) == {("books", "stuck")}


def test_what_only_a_later_look_shows_may_be_on_its_way() -> None:
    first = [finding("stuck")]
    assert drift_keys(lasting([finding("stuck", "new")], drift_keys(first))) == {("books", "stuck")}


def test_drift_whose_figures_change_from_look_to_look_is_the_same_drift() -> None:
    first = [finding("stuck", figures="3 of 4")]
    [last] = lasting([finding("stuck", figures="2 of 4")], drift_keys(first))
    assert [drift.text for drift in last.drifts] == ["stuck 2 of 4"]


def test_the_same_subject_of_another_check_is_another_drift() -> None:
    other = Finding(check="bank", figures="", drifts=finding("stuck").drifts)
    assert drift_keys(lasting([other], drift_keys([finding("stuck")]))) == frozenset()
