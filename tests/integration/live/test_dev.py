"""A start of everything that cannot be leaves nothing behind."""

import socket
from pathlib import Path

import msgspec
import pytest

from kit.errors import StartupError
from kit.settings import Settings
from live.roles.dev import serve_dev
from loadtests.free_ports import free_port


@pytest.mark.parametrize(
    ("field", "variable"),
    [("http_port", "SHOWDROP_HTTP_PORT"), ("ws_port", "SHOWDROP_WS_PORT")],
    ids=["api", "gateway"],
)
async def test_a_port_in_use_is_one_line_before_anything_is_made(tmp_path: Path, field: str, variable: str) -> None:
    settings = Settings(data_dir=tmp_path / "data", http_port=free_port(), ws_port=free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError) as error:
            await serve_dev(msgspec.structs.replace(settings, **{field: port}))
    assert error.value.message == (
        f"cannot listen on 127.0.0.1:{port} (Address already in use); "
        f"set {variable} or SHOWDROP_HOST, or stop what uses it"
    )
    assert not settings.data_dir.exists()
