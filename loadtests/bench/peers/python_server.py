"""The Python peers: ``websockets.broadcast``, and Starlette on uvicorn. Both are dependencies of ours anyway."""

import importlib.util
import sys
from pathlib import Path
from typing import ClassVar, Final

from loadtests.bench.peers.child import Child
from loadtests.bench.peers.script import ScriptPeer

WELCOME: Final = "welcome"
"""What a viewer gets first; from then on it gets every event."""


class PythonPeer(ScriptPeer):
    """A Python server in a process of its own."""

    packages: ClassVar[tuple[str, ...]]
    module: ClassVar[str]

    def present(self) -> bool:
        """Return True when its packages are installed."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)

    def _launch(self, folder: Path) -> Child:
        command = [sys.executable, "-m", self.module, str(self.port), str(self._control_port)]
        return Child(command, log=folder / "server.log", cores=self.cores)


class Websockets(PythonPeer):
    """``websockets.broadcast`` (websockets_server_ws.py)."""

    key = "websockets"
    remedy = "install the Python packages websockets and uvloop"
    packages = ("websockets", "uvloop")
    module = "loadtests.bench.peers.websockets_server_ws"


class StarletteUvicorn(PythonPeer):
    """A ``send_text`` loop in Starlette on uvicorn (starlette_server_http.py)."""

    key = "starlette"
    remedy = "install the Python packages starlette, uvicorn, websockets and uvloop"
    packages = ("starlette", "uvicorn", "websockets", "uvloop")
    module = "loadtests.bench.peers.starlette_server_http"
