import socket
from pathlib import Path

import pytest

from loadtests import free_ports
from loadtests.errors import LoadError
from loadtests.free_ports import HOST, PORTS, free_port


def test_a_port_is_not_handed_out_again_before_all_others_were() -> None:
    ports = free_ports.free_ports(200) + [free_port() for _ in range(200)]
    assert len(set(ports)) == 400


def test_the_system_gives_none_of_them_to_an_outgoing_connection() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    assert PORTS.stop <= first or last < PORTS.start
    assert set(free_ports.free_ports(10)) <= set(PORTS)


def test_a_port_that_is_bound_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, after = free_ports.free_ports(2)
    monkeypatch.setattr(free_ports, "_in_turn", iter([taken, after]))
    with socket.create_server((HOST, taken)):
        assert free_port() == after


def test_too_few_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_ports, "_in_turn", iter(free_ports.free_ports(1)))
    with pytest.raises(LoadError, match="fewer than 2 ports from 22000 to 32767 are free"):
        free_ports.free_ports(2)
