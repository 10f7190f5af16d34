"""Channels in Postgres: setting them up, pausing them, and how far each is behind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from inventory.channels.abilities import Abilities, abilities
from inventory.channels.channel import BY_SKU, SIGNING, ChannelConfig, ChannelKind, UnknownChannelError
from inventory.channels.kept_back_pg import check_safety_stock
from inventory.channels.known_pg import require_changed
from inventory.channels.levelling_pg import hold_levels, level_again
from inventory.channels.levels_pg import shown
from inventory.channels.limits import NAME_CHARS
from inventory.channels.registry import Registry
from kit.errors import InvalidError
from kit.ids import new_id
from kit.postgres import Postgres, Record
from kit.sql import Queries
from kit.vault import SealedError, Vault

_sql = Queries(Path(__file__).parent / "sql" / "channels.sql")


class CreatedChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A new channel. ``secret`` is what we made for it, shown this once; None when the merchant brought it."""

    channel_id: str
    secret: str | None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"CreatedChannel({self.channel_id!r})"


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as staff see it.

    Attributes:
        switched_off: shows 0 of everything.
        lag_ms: age of the oldest change that it has not been told; 0 when it is in step.
        behind: SKUs with such a change.
        unlinked: SKUs of which nobody has said which of its items they are.
        oversold: orders of its own for which there are not enough units.
        unlinked_orders: orders of its own with an item that is linked to no SKU: nothing was taken for it.
        last_error: of the last call, None when that went well.
    """

    channel_id: str
    kind: str
    name: str
    state: Literal["active", "paused"]
    safety_stock: int
    switched_off: bool
    lag_ms: int
    behind: int
    unlinked: int
    oversold: int
    unlinked_orders: int
    last_error: str | None


class Channels:
    """The channels.

    Args:
        kinds: the kinds that can be set up.
        vault: seals their secrets.
    """

    def __init__(self, postgres: Postgres, kinds: Registry, vault: Vault) -> None:
        self._postgres = postgres
        self._kinds = kinds
        self._vault = vault

    async def create(
        self,
        kind: str,
        *,
        name: str,
        settings: Mapping[str, str],
        safety_stock: int = 0,
        cancels_oversold: bool = False,
    ) -> CreatedChannel:
        """Set a channel up; it is to be told the level of every SKU.

        Args:
            kind: one of the kinds.
            name: shown to staff.
            settings: by kind; a webhook has ``url``.
            safety_stock: units of each SKU that this channel never shows.
            cancels_oversold: whether an order of the channel's for which there are no units is cancelled over there
                by itself.

        Raises:
            InvalidError: a field is wrong; ``details["field"]`` names it.
        """
        if kind not in self._kinds:
            raise InvalidError(f"kind must be one of {', '.join(sorted(self._kinds))}", field="kind")
        if not name.strip() or len(name) > NAME_CHARS or "\x00" in name:
            raise InvalidError(f"name must have 1 to {NAME_CHARS} characters", field="name")
        check_safety_stock(safety_stock)
        prepared = await self._kinds[kind].prepare(settings)
        by_sku = self._kinds[kind].item_form == BY_SKU
        channel_id = new_id("chan")
        stored = msgspec.json.encode(prepared.settings).decode()
        sealed = self._seal(channel_id, prepared.secrets)
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            await connection.execute(
                _sql.create_channel,
                channel_id,
                kind,
                name,
                stored,
                sealed,
                safety_stock,
                by_sku,
                cancels_oversold,
            )
            await level_again(connection, [channel_id])
        return CreatedChannel(channel_id=channel_id, secret=prepared.generated)

    async def change(self, channel_id: str, settings: Mapping[str, str]) -> CreatedChannel:
        """Set a channel up anew with some settings changed, and go on with it; its links, orders and levels stay.

        Args:
            channel_id: which.
            settings: those that change; the others stay as they are. New tokens end when is said with them.

        Raises:
            UnknownChannelError: there is no such channel.
            InvalidError: a setting is wrong; ``details["field"]`` names it.
        """
        config = await self.config(channel_id)
        kind = self._kind(config.kind)
        kept = {**config.settings, **config.secrets}
        if settings.keys() & {"access_token", "refresh_token"}:
            kept.pop("access_token_expires_at", None)
        prepared = await kind.prepare(
            {name: kept[name] for name in kind.setting_names if name in kept} | dict(settings)
        )
        stored = msgspec.json.encode(prepared.settings).decode()
        async with self._postgres.transaction() as connection:
            sealed = self._seal(channel_id, prepared.secrets)
            require_changed(channel_id, await connection.execute(_sql.change, channel_id, stored, sealed))
            await connection.execute(_sql.hurry, channel_id)
            await connection.execute(_sql.wake)
        return CreatedChannel(channel_id=channel_id, secret=prepared.generated)

    async def abilities(self, channel_id: str) -> Abilities:
        """Return what a channel can do beside being told levels.

        Raises:
            UnknownChannelError: there is no such channel.
        """
        config = await self.config(channel_id)
        return await abilities(self._kind(config.kind), config)

    def _kind(self, name: str) -> ChannelKind:
        if name not in self._kinds:
            raise InvalidError(f"this version knows no channels of kind {name!r}", field="kind")
        return self._kinds[name]

    async def remove(self, channel_id: str) -> None:
        """Forget a channel and its levels.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.transaction() as connection:
            # In the order of those who store a push and who take an order's units: channel, orders, levels.
            await connection.execute(_sql.lock_channel, channel_id)
            await connection.execute(_sql.lock_orders, channel_id)
            await hold_levels(connection)
            require_changed(channel_id, await connection.execute(_sql.remove_channel, channel_id))

    async def pause(self, channel_id: str, *, reason: str | None = None) -> None:
        """Tell it nothing until ``resume``; its levels are kept up to date. ``reason`` becomes its last error.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.connection() as connection:
            error = None if reason is None else shown(reason)
            require_changed(channel_id, await connection.execute(_sql.set_state, channel_id, "paused", error))

    async def note_error(self, channel_id: str, error: str) -> None:
        """Show an error of a channel that goes on otherwise."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.note_error, channel_id, shown(error))

    async def resume(self, channel_id: str) -> None:
        """Tell it what it has missed, and go on.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.transaction() as connection:
            require_changed(channel_id, await connection.execute(_sql.set_state, channel_id, "active", None))
            await connection.execute(_sql.hurry, channel_id)
            await connection.execute(_sql.wake)

    async def list(self) -> list[ChannelView]:
        """Return every channel, oldest first."""
        async with self._postgres.connection() as connection:
            return [msgspec.convert(dict(row), ChannelView) for row in await connection.fetch(_sql.channels)]

    async def active(self) -> dict[str, ChannelConfig]:
        """Return the channels that are to be told, by id, secrets included."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.active_configs)
        opened = []
        for row in rows:
            secrets = self._open(row["channel_id"], row["secrets"], row["secret"])
            if secrets is None:
                why = "its secrets do not open with this SHOWDROP_SECRET: set the old one again, or connect it anew"
                await self.pause(row["channel_id"], reason=why)
            else:
                opened.append((row, secrets))
        return {row["channel_id"]: _config(row, secrets) for row, secrets in opened}

    async def config(self, channel_id: str) -> ChannelConfig:
        """Return how a channel was set up, secrets included, also of one that is paused.

        Raises:
            NotFoundError: ``unknown_channel``, also when its secrets do not open.
        """
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.config, channel_id)
        secrets = None if row is None else self._open(channel_id, row["secrets"], row["secret"])
        if row is None or secrets is None:
            raise UnknownChannelError(channel_id)
        return _config(row, secrets)

    async def save_secrets(self, config: ChannelConfig, secrets: Mapping[str, str]) -> None:
        """Keep a channel's secrets, sealed, in place of those it had; not if staff have changed it since."""
        async with self._postgres.connection() as connection:
            sealed = self._seal(config.channel_id, secrets)
            await connection.execute(_sql.save_secrets, config.channel_id, sealed, config.set_up)

    def _seal(self, channel_id: str, secrets: Mapping[str, str]) -> bytes:
        return self._vault.seal(msgspec.json.encode(secrets), owner=channel_id)

    def _open(self, channel_id: str, sealed: bytes | None, plain: str) -> dict[str, str] | None:
        """Return a channel's secrets, or None when they do not open; an older row holds the only one as it is."""
        if sealed is None:
            return {SIGNING: plain}
        try:
            return msgspec.json.decode(self._vault.open(sealed, owner=channel_id), type=dict[str, str])
        except SealedError:
            return None


def _config(row: Record, secrets: dict[str, str]) -> ChannelConfig:
    return ChannelConfig(
        channel_id=row["channel_id"],
        kind=row["kind"],
        name=row["name"],
        settings=msgspec.json.decode(row["settings"], type=dict[str, str]),
        secrets=secrets,
        set_up=row["set_up"],
    )
