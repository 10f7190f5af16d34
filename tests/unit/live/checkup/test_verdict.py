"""Lines are fit to be printed, whatever stands in what was found."""

from hypothesis import given
from hypothesis import strategies as st

from live.checkup.limits import FOUND_MAX_CHARS
from live.checkup.verdict import Verdict, fine, printable, report_of


def test_an_ordinary_line_stays_as_it_is() -> None:
    text = "1.2 GB of 2.0 GB (60%), wss://shop.example…"
    assert report_of([fine("Redis memory", text)]).checks[0].found == text


def test_what_would_steer_a_terminal_or_cannot_be_encoded_is_spelled_out() -> None:
    assert printable("a\x1b[31m\nb\udcff") == "a\\x1b[31m\\nb\\udcff"


@given(st.text(st.characters(), max_size=2 * FOUND_MAX_CHARS))
def test_a_line_is_one_line_and_not_endless(text: str) -> None:
    found = report_of([Verdict(check="settings", state="fail", found=text, remedy="Correct it.")]).checks[0].found
    assert found.isprintable()
    assert len(found) <= 12 * FOUND_MAX_CHARS
    found.encode()
