"""Times by millisecond."""

from loadtests.waits import MOST_MS, Waits, added


def waits_of(*times_ms: float) -> Waits:
    waits = Waits(counts={})
    for ms in times_ms:
        waits.add(ms)
    return waits


def test_a_share_is_the_end_of_the_millisecond_in_which_it_is_reached() -> None:
    waits = waits_of(*range(100))
    assert (waits.share_ms(0.5), waits.share_ms(0.99), waits.share_ms(1.0)) == (50, 99, 100)


def test_without_any_everything_took_nothing() -> None:
    assert Waits(counts={}).share_ms(0.99) == 0


def test_clocks_that_differ_and_times_beyond_all_measure_do_no_harm() -> None:
    waits = waits_of(-3.0, 1e9)
    assert waits.counts == {0: 1, MOST_MS: 1}


def test_the_times_of_several_processes_add_up() -> None:
    both = added([waits_of(1, 2), waits_of(2, 900)])
    assert both.count == 4
    assert (both.share_ms(0.75), both.share_ms(1.0)) == (3, 901)
