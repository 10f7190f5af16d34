"""A client of a Redis Cluster: every command goes to the node that owns its key, all nodes at once.

Each node is reached by the same client as a single server would be: the same bounded pool that waits, the same
timeouts, no retries. On top of that stand only the routing and the redirections; why not redis-py's own cluster
client is told in ``docs/decisions/0023-redis-cluster.md``.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Never, cast

import redis.exceptions
from redis.asyncio import Redis
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError

from kit.slots import Address, masters_by_slot, slot_of, slot_of_command

ANSWER_TIMEOUT_S: Final = 5.0
"""Seconds that a call may take in all: a free connection, connecting, the answer, and redirections."""

NODES_TIMEOUT_S: Final = 1.0
"""Seconds that one node has to say who owns which slot; then another one is asked."""

REFRESH_EVERY_S: Final = 1.0
"""Seconds between two such questions after failures: a node that is gone must not make all clients ask all the time."""

AVOIDED_S: Final = 5.0
"""Seconds that a node which did not answer is not chosen for what any node can do."""

REDIRECTIONS_MOST: Final = 5
"""Times that one call follows a redirection: one when a slot has moved, a second while it moves."""

assert NODES_TIMEOUT_S < ANSWER_TIMEOUT_S

_NO_ANSWER = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError, TimeoutError)


class _How(NamedTuple):
    """How a part of a call is sent.

    Attributes:
        deadline: by the loop's clock.
    """

    atomic: bool
    asking: bool
    options: dict[str, Any]
    deadline: float


class ClusterRedis(Redis):
    """Commands of one key, or of several keys of one slot; a batch may be of many slots (see ``run``).

    What is for one server (``SCRIPT FLUSH``, ``SCAN``, ``CONFIG``, pub/sub) is refused: ask ``masters``, ``owner`` or
    ``healthy_node`` for the client of a node.

    Args:
        seeds: nodes that are asked first; the others are learnt from them.
        connect: makes the client of one node; called in the event loop, sends nothing.
    """

    def __init__(self, seeds: Sequence[Address], connect: Callable[[Address], Redis]) -> None:
        self._seeds = tuple(seeds)
        self._connect = connect
        self._nodes = {one: connect(one) for one in self._seeds}
        super().__init__(connection_pool=self._nodes[self._seeds[0]].connection_pool)
        self._owners: list[Address | None] | None = None  # by slot; None before the first answer
        self._failed_at: dict[Address, float] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = -REFRESH_EVERY_S

    async def run(
        self, commands: Sequence[Sequence[Any]], *, atomic: bool = False, options: dict[str, Any] | None = None
    ) -> list[Any]:
        """Send commands to the nodes they belong to, in one round trip per node, all nodes at once.

        Args:
            commands: each as its words.
            atomic: run them as one transaction; all keys must be of one slot.
            options: for redis-py, about how a reply is read.

        Returns:
            The replies, in order. Where a command failed stands its error: of a node that does not answer, only the
            commands for that node fail. Who is cancelled leaves nothing behind on a connection that is used again.

        Raises:
            ValueError: a command cannot be routed, or a transaction is of several slots.
            redis.exceptions.ConnectionError: no node says who owns which slot.
        """
        deadline = asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S
        slots = [slot_of_command(command) for command in commands]
        if atomic and len(set(slots)) > 1:
            raise ValueError("a transaction is of one slot")
        async with asyncio.timeout_at(deadline):
            await self._know_owners()
        replies: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        sent_to: dict[int, Address] = {}  # by ASK: for this once
        for _ in range(1 + REDIRECTIONS_MOST):
            parts: dict[tuple[Address, bool], list[int]] = {}
            for n in left:
                to = sent_to.get(n) or self._owner_of(slots[n])
                if to is None:
                    replies[n] = ClusterDownError(f"no node serves slot {slots[n]}")
                    self._refresh_soon()
                else:
                    parts.setdefault((to, n in sent_to), []).append(n)
            calls = [
                self._exchange(to, [commands[n] for n in part], _How(atomic, asking, options or {}, deadline))
                for (to, asking), part in parts.items()
            ]
            # One node is the usual case: no task is needed for it.
            answers = [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)
            for ((to, _), part), answer in zip(parts.items(), answers, strict=True):
                for n, reply in zip(part, answer, strict=True):
                    replies[n] = reply
                    self._learn(n, to, reply, sent_to)
            # In a transaction, ASKING would have to stand before each command, where it is queued: it is not followed.
            left = [n for n in left if isinstance(replies[n], MovedError if atomic else AskError)]
            if not left:
                break
        return replies

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's signature
        """Send one command to where it belongs; see ``run``."""
        [reply] = await self.run([args], options=options)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def masters(self) -> list[Redis]:
        """Return the clients of all nodes that own slots."""
        return [self._node(one) for one in _named(await self._know_owners())]

    async def owner(self, key: str | bytes) -> Redis:
        """Return the client of the node that owns a key.

        Raises:
            redis.exceptions.ClusterDownError: no node serves its slot.
        """
        owner = (await self._know_owners())[slot_of(key)]
        if owner is None:
            raise ClusterDownError(f"no node serves slot {slot_of(key)}")
        return self._node(owner)

    async def healthy_node(self) -> Redis:
        """Return the client of a node that answers now; any of them, so that many clients spread.

        Raises:
            redis.exceptions.ConnectionError: none answers.
        """
        nodes = await self.masters()
        random.shuffle(nodes)
        for node in nodes:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(NODES_TIMEOUT_S):
                    await node.ping()
                return node
        raise redis.exceptions.ConnectionError("no node of the cluster answers")

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Never:  # noqa: ARG002 - redis-py's
        """Refused: ``run`` is the pipeline of a cluster."""
        raise TypeError("a cluster has no single pipeline; use kit.redis_client.pipelined")

    def pubsub(self, **kwargs: Any) -> Never:  # noqa: ANN401, ARG002 - redis-py's signature
        """Refused: a subscription is a connection to one node, see ``healthy_node``."""
        raise TypeError("subscribe through one node; use kit.redis_client.subscriber")

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections to all nodes."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        for node in self._nodes.values():
            await node.aclose(close_connection_pool)

    async def _exchange(self, to: Address, commands: Sequence[Sequence[Any]], how: _How) -> list[Any]:
        pipeline = self._node(to).pipeline(transaction=how.atomic)
        for command in commands:
            if how.asking:
                pipeline.execute_command("ASKING")
            pipeline.execute_command(*command, **how.options)
        try:
            async with asyncio.timeout_at(how.deadline):
                replies = await pipeline.execute(raise_on_error=False)
        except _NO_ANSWER as error:
            self._failed_at[to] = time.monotonic()
            self._refresh_soon()
            return [error] * len(commands)
        except redis.exceptions.ResponseError as error:  # the transaction as a whole was refused
            return [error] * len(commands)
        self._failed_at.pop(to, None)
        return replies[1::2] if how.asking else replies

    def _learn(self, n: int, to: Address, reply: object, sent_to: dict[int, Address]) -> None:
        """Take from a reply where the command belongs."""
        sent_to.pop(n, None)
        if isinstance(reply, MovedError):
            assert self._owners is not None
            self._owners[reply.slot_id] = Address(reply.host or to.host, reply.port)
            self._refresh_soon()
        elif isinstance(reply, AskError):
            sent_to[n] = Address(reply.host or to.host, reply.port)
        elif isinstance(reply, ClusterDownError):
            self._refresh_soon()

    def _owner_of(self, slot: int | None) -> Address | None:
        assert self._owners is not None
        if slot is not None:
            return self._owners[slot]
        # Any node will do: the first one, always the same, that has not just failed.
        return min(_named(self._owners), key=self._has_failed, default=None)

    def _has_failed(self, node: Address) -> bool:
        return time.monotonic() - self._failed_at.get(node, -AVOIDED_S) < AVOIDED_S

    def _node(self, address: Address) -> Redis:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = self._connect(address)
        return node

    async def _know_owners(self) -> list[Address | None]:
        if self._owners is None:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
            # Shared by all who wait: one who gives up must not end it for the others.
            await asyncio.shield(self._refreshing)
            if self._owners is None:
                raise redis.exceptions.ConnectionError("no node of the cluster says who owns which slot")
        return self._owners

    def _refresh_soon(self) -> None:
        """Ask who owns which slot in the background; calls go on meanwhile with what is known."""
        is_under_way = self._refreshing is not None and not self._refreshing.done()
        if not is_under_way and time.monotonic() - self._refreshed_at >= REFRESH_EVERY_S:
            self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        self._refreshed_at = time.monotonic()
        known = _named(self._owners or ())
        random.shuffle(known)
        known.sort(key=self._has_failed)
        for address in dict.fromkeys([*known, *self._seeds]):
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(NODES_TIMEOUT_S):
                    reply = await cast(Any, self._node(address)).execute_command("CLUSTER", "SLOTS")
                if reply:
                    self._owners = masters_by_slot(reply, address)
                    await self._forget_others()
                    return

    async def _forget_others(self) -> None:
        """Close the connections to nodes that own nothing any more."""
        assert self._owners is not None
        for address in set(self._nodes) - set(self._owners) - set(self._seeds):
            await self._nodes.pop(address).aclose()


def _named(owners: Sequence[Address | None]) -> list[Address]:
    return sorted({one for one in owners if one is not None})
