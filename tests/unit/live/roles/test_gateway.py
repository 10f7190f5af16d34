import socket

from kit.settings import Settings
from live.roles.gateway import cannot_listen


def test_a_name_that_nobody_has_is_called_so() -> None:
    settings = Settings(host="nosuch.invalid", ws_port=8314)
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert cannot_listen(settings, error).message == (
        "cannot listen on nosuch.invalid:8314 (no such host); set SHOWDROP_HOST to an address of this machine"
    )
    silent = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert "(Temporary failure in name resolution)" in cannot_listen(settings, silent).message
