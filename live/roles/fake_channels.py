"""``showdrop dev --fake-channels``: fakes of the named channels in a process of their own, in place of the real ones.

They are part of the repository's tests, so this works only where the repository is.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from kit.child_process import ChildProcess
from kit.errors import SettingError
from kit.postgres import Postgres
from live.roles.limits import FAKES_START_S, FAKES_STOP_S
from live.roles.stores import Place
from live.site import site_of
from live.tokens import TTL_MAX_S, Tokens

ROOT: Final = Path(__file__).parents[2]
FAKES: Final = Path("tests", "fakes", "all_channels", "__main__.py")
MARK: Final = "(fake)"
"""How the names of the fakes' channels end."""

LOG: Final = "fake-channels.log"
TOKEN: Final = "SHOWDROP_HOST_TOKEN"  # noqa: S105 - the name of a variable
WITHOUT_FAKE: Final = "its fake is not running; start showdrop dev with --fake-channels"


class _Announced(msgspec.Struct, frozen=True, kw_only=True):
    control_url: str
    urls: dict[str, str]


class FakeChannels:
    """Running fakes; started by ``start``, ended by ``stop``.

    Attributes:
        urls: where the API of each kind of channel is played.
        control_url: where one sees what they show, and lets things go wrong.
    """

    def __init__(self, child: ChildProcess, announced: _Announced) -> None:
        self._child = child
        self.urls: Mapping[str, str] = announced.urls
        self.control_url = announced.control_url

    @classmethod
    async def start(cls, place: Place) -> "FakeChannels":
        """Start them; they connect themselves to the API of this place once it answers.

        Raises:
            StartupError: they did not start; nothing of them is left.
        """
        data_dir = place.settings.data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        token, _ = Tokens(place.secret).mint("host", "fake-channels", None, TTL_MAX_S)
        child = await ChildProcess.spawn(
            "fake channels",
            [sys.executable, "-m", "tests.fakes.all_channels", "--api-url", site_of(place.settings, 0).http_url],
            cwd=ROOT,
            log_path=data_dir / LOG,
            death_signal=signal.SIGTERM,
            env=dict(os.environ) | {TOKEN: token},
        )

        async def listens() -> bool:
            return announced_in(child.log_tail()) is not None

        try:
            await child.wait_ready(listens, FAKES_START_S)
            announced = announced_in(child.log_tail())
            assert announced is not None
        except BaseException:
            await child.stop([])
            raise
        return cls(child, announced)

    async def failed(self) -> str:
        """Wait, without limit, until they end by themselves; return one line that says so."""
        return (await self._child.wait()).message

    async def stop(self) -> None:
        """End them, within ``FAKES_STOP_S``."""
        await self._child.stop([(signal.SIGTERM, FAKES_STOP_S)])


def require_fakes(root: Path = ROOT) -> None:
    """Refuse where the fakes are missing.

    Raises:
        SettingError: they are.
    """
    if not (root / FAKES).is_file():
        raise SettingError(
            f"--fake-channels needs the repository: there is no {FAKES} in {root}; "
            "run it from a checkout, as .venv/bin/showdrop"
        )


def announced_in(log: str) -> _Announced | None:
    """Return the addresses that the fakes have written into their log; None while they have not. Pure."""
    for line in log.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            return msgspec.json.decode(line, type=_Announced)
    return None


async def pause_fakes(place: Place) -> list[str]:
    """Pause channels of fakes that do not run: their calls would go to the real ones. Return the names.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    postgres = await Postgres.connect(place.database_url, max_size=1, application_name="showdrop dev")
    try:
        channels = Channels(postgres, channel_kinds(place.secret, allow_private=True), channel_vault(place.secret))
        left = [one for one in await channels.list() if one.name.endswith(MARK) and one.state == "active"]
        for one in left:
            await channels.pause(one.channel_id, reason=WITHOUT_FAKE)
    finally:
        await postgres.close()
    return [one.name for one in left]
