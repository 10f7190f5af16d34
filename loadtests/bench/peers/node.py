"""The Node peers: ``ws`` and Socket.IO, found through NODE_PATH or a folder given."""

import os
import shutil
from pathlib import Path
from typing import ClassVar

from loadtests.bench.client_frames import text_frame, upgrade_request
from loadtests.bench.peers.child import Child
from loadtests.bench.peers.script import ScriptPeer


class NodePeer(ScriptPeer):
    """A Node server in a process of its own.

    Args:
        cores: where it runs; empty leaves it to the system.
        node_modules: a ``node_modules`` folder; without it those that NODE_PATH names.
    """

    package: ClassVar[str]
    script: ClassVar[str]

    def __init__(self, cores: frozenset[int] = frozenset(), node_modules: Path | None = None) -> None:
        super().__init__(cores)
        named = [Path(one) for one in os.environ.get("NODE_PATH", "").split(os.pathsep) if one]
        self._folders = [node_modules.absolute()] if node_modules else named

    def present(self) -> bool:
        """Return True when Node and the package are found."""
        packages = (folder / self.package / "package.json" for folder in self._folders)
        return shutil.which("node") is not None and any(package.is_file() for package in packages)

    def _launch(self, folder: Path) -> Child:
        script = Path(__file__).with_name(self.script)
        environ = {"NODE_PATH": os.pathsep.join(map(str, self._folders)), "NODE_ENV": "production"}
        command = ["node", str(script), str(self.port), str(self._control_port)]
        return Child(command, log=folder / "server.log", environ=environ, cores=self.cores)


class Ws(NodePeer):
    """``ws``: one ``send`` for each client (ws_server.js)."""

    key = "ws"
    remedy = "install Node and the npm package ws, and set NODE_PATH or --node-modules"
    package = "ws"
    script = "ws_server.js"


class SocketIo(NodePeer):
    """Socket.IO: ``io.to(room).emit`` (socketio_server.js), events as JSON in the protocol's own framing."""

    key = "socket.io"
    remedy = "install Node and the npm package socket.io, and set NODE_PATH or --node-modules"
    package = "socket.io"
    script = "socketio_server.js"

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade request and, once Engine.IO has opened, the connect to the main namespace."""
        del viewer
        return [upgrade_request("/socket.io/?EIO=4&transport=websocket", self.port), text_frame(b"40")]

    def greeted(self, received: bytes) -> int:
        """Return 2 after Engine.IO's open packet and 3 after Socket.IO's connect; it joins the room in that step."""
        if b'40{"sid":' in received:
            return 3
        return 2 if b'0{"sid":' in received else 1
