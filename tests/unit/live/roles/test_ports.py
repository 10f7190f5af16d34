import socket

from live.roles.ports import cannot_listen


def test_a_name_that_nobody_has_is_called_so() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert cannot_listen("nosuch.invalid", 8314, "SHOWDROP_WS_PORT", error).message == (
        "cannot listen on nosuch.invalid:8314 (no such host); set SHOWDROP_HOST to an address of this machine"
    )
    silent = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert (
        "(Temporary failure in name resolution)"
        in cannot_listen("nosuch.invalid", 8314, "SHOWDROP_WS_PORT", silent).message
    )
