"""The work on channels as a process of its own, on a faster clock: ``python -m live.bench.channel_worker ORDER``.

It is the engine as it is; only the event loop's clock is another. ORDER is JSON, see ``WorkerOrder``.
"""

import asyncio
import signal
import sys

import msgspec

from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from kit.log import configure_logging
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from live.bench.faster_loop import FasterLoop


class WorkerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do.

    Attributes:
        secret: seals the channels' secrets.
        base_urls: where each kind of channel is played.
        speed: of its clock.
    """

    database_url: str
    secret: str
    base_urls: dict[str, str]
    speed: float


async def work(order: WorkerOrder) -> None:
    """Lead until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    postgres = await Postgres.connect(order.database_url)
    kinds = channel_kinds(order.secret, allow_private=True, base_urls=order.base_urls)
    sync = ChannelSync(
        Channels(postgres, kinds, channel_vault(order.secret)),
        ChannelRows.of(postgres, kinds),
        Leadership(postgres),
        kinds,
        ChannelFigures(new_registry()),
    )
    tasks = Tasks()
    tasks.forever("channels", sync.run)
    await stopped.wait()
    await tasks.stop()
    await postgres.close()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=WorkerOrder)
    configure_logging("text")
    with asyncio.Runner(loop_factory=lambda: FasterLoop(given.speed)) as runner:
        runner.run(work(given))
