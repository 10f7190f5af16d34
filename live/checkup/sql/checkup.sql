-- What the check asks Postgres. Nothing here writes.

-- name: server
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       pg_is_in_recovery() AS is_standby,
       current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
       (SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name NOT LIKE 'showdrop%')::int AS others

-- name: settings
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'default_transaction_read_only')

-- name: has_migrations
SELECT to_regclass('_yoyo_migration') IS NOT NULL

-- name: applied
SELECT migration_id FROM _yoyo_migration

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::float8 * 1000

-- name: channels
SELECT name, kind, state, untold.behind::int AS behind,
       coalesce(greatest(0, now_ms() - untold.since_ms), 0)::bigint AS lag_ms,
       (SELECT count(*) FROM channel_orders
        WHERE channel_orders.channel_id = channels.channel_id
          AND channel_orders.state = 'oversold_elsewhere')::int AS oversold
FROM channels CROSS JOIN LATERAL (
    SELECT count(*) AS behind, min(changed_at_ms) AS since_ms
    FROM channel_levels
    WHERE channel_levels.channel_id = channels.channel_id AND told_version < version AND call_group IS NOT NULL
) AS untold
ORDER BY channels.channel_id
