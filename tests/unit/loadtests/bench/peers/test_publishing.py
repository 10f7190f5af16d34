from pathlib import Path

import pytest

from loadtests.bench.peers.nats import publish_commands
from loadtests.bench.peers.nchan import publish_requests, split_answer
from loadtests.bench.peers.node import SocketIo, Ws
from loadtests.bench.peers.python_server import Websockets
from loadtests.errors import LoadError


def test_nats_events_are_one_command_each() -> None:
    assert publish_commands([b"{}", b"abc"]) == b"PUB show 2\r\n{}\r\nPUB show 3\r\nabc\r\n"


def test_nchan_events_are_one_request_each_with_its_length() -> None:
    first, second = publish_requests([b"{}", b"abc"]).split(b"POST /publish HTTP/1.1\r\n")[1:]
    assert first.endswith(b"Content-Length: 2\r\n\r\n{}")
    assert second.endswith(b"Content-Length: 3\r\n\r\nabc")


def test_pipelined_answers_come_apart_at_their_lengths() -> None:
    answers = (
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnine" + b"HTTP/1.1 202 Accepted\r\ncontent-length:0\r\n\r\n"
    )
    first = split_answer(answers)
    assert first is not None
    assert first[0] == b"nine"
    assert split_answer(first[1]) == (b"", b"")


def test_an_answer_is_waited_for_until_its_last_byte() -> None:
    whole = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnine"
    assert [split_answer(whole[:size]) for size in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 201 Created\r\n\r\n"]
)
def test_an_answer_of_failure_or_without_a_length_is_an_error(answer: bytes) -> None:
    with pytest.raises(LoadError, match="nchan answered: HTTP"):
        split_answer(answer)


@pytest.mark.parametrize("peer", [Ws, SocketIo])
def test_a_node_peer_is_absent_without_its_package(
    peer: type[Ws] | type[SocketIo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(node.parent))
    monkeypatch.setenv("NODE_PATH", str(tmp_path))
    assert not peer().present()
    package = tmp_path / peer.package / "package.json"
    package.parent.mkdir()
    package.touch()
    assert peer().present()
    assert not peer(node_modules=tmp_path / "elsewhere").present()


def test_a_peer_that_does_not_run_says_so() -> None:
    peer = Websockets()
    with pytest.raises(LoadError, match="websockets does not run"):
        peer.publish(b"#00000000#")
    with pytest.raises(LoadError, match="websockets does not run"):
        peer.pids()
    peer.stop()
