"""Memory over time: no figure is made up where a window has none."""

from loadtests.memory import MIB, Samples


def sampled(*moments_s: float) -> Samples:
    samples = Samples(["api"])
    for at_s in moments_s:
        samples.add(at_s, {"api": int(at_s) * MIB})
    return samples


def test_the_first_window_after_the_warm_up_is_compared_with_the_last() -> None:
    (found,) = sampled(0, 10, 20, 30, 40).summary(warm_up_s=10, window_s=10)
    assert (found.first_mib, found.last_mib, found.most_mib) == (10, 35, 40)


def test_there_is_nothing_to_say_without_time_for_both_windows_or_without_a_sample_in_the_first() -> None:
    assert sampled(0, 10, 20).summary(warm_up_s=10, window_s=10) == []
    assert sampled(0, 25, 40).summary(warm_up_s=10, window_s=10) == []
