import pytest

from kit.settings import Settings
from live.roles.gateway import page_origins


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("127.0.0.1", {"http://127.0.0.1:81", "http://localhost:81"}),
        ("::1", {"http://[::1]:81", "http://localhost:81"}),
        ("shop.example", {"http://shop.example:81"}),
    ],
)
def test_pages_may_come_by_every_name_of_this_machine(host: str, origins: set[str]) -> None:
    assert page_origins(Settings(host=host, http_port=81)) == origins
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
    for wide, narrow in everywhere.items():
        assert page_origins(Settings(host=wide)) > page_origins(Settings(host=narrow))
