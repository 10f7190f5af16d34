"""nchan as a peer: pub/sub in nginx.

At its best: one worker without the accept lock, a WebSocket subscriber location, no pings, no compression, no access
log, a short message buffer in memory, no Redis. Events come as POST on one connection held open, a batch pipelined
in one write. The worker's CPU time counts, not the idle master's.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from loadtests.bench.client_frames import after_headers, status_of, upgrade_request
from loadtests.bench.peers.child import HOST, Child
from loadtests.bench.peers.limits import BACKLOG, NCHAN_BUFFER_EVENTS, NGINX_CONNECTIONS, READY_TIMEOUT_S
from loadtests.bench.peers.peer import Peer, read_some
from loadtests.errors import LoadError

_MODULE: Final = "ngx_nchan_module.so"
_MODULE_FOLDERS: Final = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

_CONFIG: Final = """\
{first_lines}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {connections}; accept_mutex off; multi_accept on; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 1d;
  keepalive_requests 1000000000;
  client_body_in_single_buffer on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_message_buffer_length {buffer};
  server {{
    listen {host}:{port} backlog={backlog};
    location = /show {{
      nchan_subscriber websocket;
      nchan_subscriber_first_message newest;
      nchan_channel_id show;
    }}
    location = /publish {{ nchan_publisher http; nchan_channel_id show; }}
    location = /version {{ return 200 $nchan_version; }}
  }}
}}
"""


class Nchan(Peer):
    """nginx with the nchan module."""

    key = "nchan"
    remedy = "install nginx and its nchan module"

    def present(self) -> bool:
        """Return True when nginx is found and has nchan, built in or as a module."""
        return _first_lines() is not None

    def pids(self) -> list[int]:
        """Return the worker."""
        return self._running().children()

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade request; viewers do not differ."""
        del viewer
        return [upgrade_request("/show", self.port)]

    def greeted(self, received: bytes) -> int:
        """Return 2 once the upgrade is answered: nchan answers it when it subscribes the viewer."""
        return 2 if status_of(received) == 101 and after_headers(received) is not None else 1

    def _launch(self, folder: Path) -> Child:
        self._control_port = self.port
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                first_lines=_first_lines() or "",
                folder=folder,
                connections=NGINX_CONNECTIONS,
                buffer=NCHAN_BUFFER_EVENTS,
                host=HOST,
                port=self.port,
                backlog=BACKLOG,
            )
        )
        command = [_nginx() or "nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
        return Child(command, log=folder / "server.log", cores=self.cores)

    def _introduce(self, publisher: socket.socket) -> str:
        publisher.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        [version] = _answers(publisher, 1)
        return f"nchan {version.decode()}"

    def _send(self, publisher: socket.socket, events: list[bytes]) -> None:
        publisher.sendall(publish_requests(events))
        _answers(publisher, len(events))


def publish_requests(events: list[bytes]) -> bytes:
    """Return one POST for each event, to be written at once."""
    head = b"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return b"".join(head % len(event) + event for event in events)


def split_answer(received: bytes) -> tuple[bytes, bytes] | None:
    """Split the first HTTP answer off.

    Returns:
        The answer's body and what follows it; None while the answer is not complete.

    Raises:
        LoadError: the answer is not one of success, or has no length.
    """
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 2") or length is None:
        raise LoadError(f"nchan answered: {head.splitlines()[0].decode(errors='replace')}")
    size = int(length[1])
    return (rest[:size], rest[size:]) if len(rest) >= size else None


def _answers(connection: socket.socket, count: int) -> list[bytes]:
    bodies: list[bytes] = []
    received = b""
    while len(bodies) < count:
        received += read_some(connection)
        while (answer := split_answer(received)) is not None:
            body, received = answer
            bodies.append(body)
    return bodies


def _nginx() -> str | None:
    """Return where nginx is; its usual folder is not on everybody's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _first_lines() -> str | None:
    """Return the configuration's first lines: they load nchan and keep the user. None without nginx or nchan."""
    nginx = _nginx()
    if nginx is None:
        return None
    # nginx would hand its worker to another user, who cannot enter our folder.
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    built = subprocess.run(  # noqa: S603 - asks nginx how it was built
        [nginx, "-V"],
        capture_output=True,
        text=True,
        check=False,
        timeout=READY_TIMEOUT_S,
    ).stderr
    named = re.findall(r"--modules-path=(\S+)", built)
    for folder in (*named, *_MODULE_FOLDERS):
        module = Path(folder) / _MODULE
        if module.is_file():
            return f"load_module {module};\n{user}"
    return user if re.search(r"--add-module=\S*nchan", built) else None
