import pytest

from kit.settings import Settings
from live.roles.single import ready_line


@pytest.mark.parametrize(
    ("role", "line"),
    [
        ("api", "showdrop api is ready on http://[::1]:8000"),
        ("gateway", "showdrop gateway is ready on ws://[::1]:8001"),
        ("worker", "showdrop worker is ready"),
    ],
)
def test_a_ready_line_is_an_address_to_copy(role: str, line: str) -> None:
    assert ready_line(role, Settings(host="::1")) == line
