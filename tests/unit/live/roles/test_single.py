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


def test_a_worker_with_a_port_says_where() -> None:
    assert ready_line("worker", Settings(worker_port=8002)) == "showdrop worker is ready on http://127.0.0.1:8002"
