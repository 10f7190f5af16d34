-- Channels and their levels. `record_movements` (stock.sql) writes desired and version; here they are told and read.

-- name: lock_bulk
SELECT pg_advisory_xact_lock($1)

-- name: lock_levels
-- Waits for movements under way and holds back new ones for a moment, so that none computes levels without knowing of
-- this change. (A statement takes this lock before it takes its snapshot.)
LOCK TABLE channel_levels IN SHARE ROW EXCLUSIVE MODE

-- name: create_channel
INSERT INTO channels (channel_id, kind, name, settings, secret, safety_stock)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)

-- name: level_every_sku
INSERT INTO channel_levels (channel_id, sku, desired)
SELECT channels.channel_id, stock.sku,
       greatest(0, sum(stock.on_hand - stock.ring_fenced)::bigint - channels.safety_stock)
FROM stock CROSS JOIN channels
WHERE channels.channel_id = $1
GROUP BY channels.channel_id, stock.sku
ON CONFLICT (channel_id, sku) DO UPDATE
    SET desired = excluded.desired, version = channel_levels.version + 1, due_at_ms = 0,
        changed_at_ms = CASE WHEN channel_levels.told_version < channel_levels.version
                             THEN channel_levels.changed_at_ms ELSE now_ms() END
    WHERE channel_levels.desired <> excluded.desired

-- name: remove_channel
DELETE FROM channels WHERE channel_id = $1

-- name: set_state
UPDATE channels SET state = $2, last_error = coalesce($3, last_error) WHERE channel_id = $1

-- name: hurry
-- A resumed channel does not wait for the back-off of its last failures.
UPDATE channel_levels SET due_at_ms = 0, attempts = 0 WHERE channel_id = $1 AND told_version < version

-- name: set_safety_stock
UPDATE channels SET safety_stock = $2 WHERE channel_id = $1

-- name: channels
SELECT channels.channel_id, kind, name, state, safety_stock, last_error, untold.behind,
       coalesce(greatest(0, now_ms() - untold.since_ms), 0) AS lag_ms
FROM channels CROSS JOIN LATERAL (
    SELECT count(*) AS behind, min(changed_at_ms) AS since_ms
    FROM channel_levels
    WHERE channel_levels.channel_id = channels.channel_id AND told_version < version
) AS untold
ORDER BY channels.channel_id

-- name: active_configs
SELECT channel_id, kind, name, settings::text, secret FROM channels WHERE state = 'active'

-- name: exists
SELECT EXISTS (SELECT FROM channels WHERE channel_id = $1)

-- name: levels
SELECT sku, desired, told, told_at_ms, last_error
FROM channel_levels
WHERE channel_id = $1 AND sku > $2
ORDER BY sku
LIMIT $3

-- name: take_due
-- The lease is a due time in the future: when the taker dies, the rows are due again by themselves.
WITH due AS (
    SELECT channel_id, sku
    FROM channel_levels
    WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms())
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
    ORDER BY due_at_ms
    LIMIT $2
    FOR UPDATE OF channel_levels SKIP LOCKED
)
UPDATE channel_levels
SET due_at_ms = now_ms() + $3
FROM due
WHERE channel_levels.channel_id = due.channel_id AND channel_levels.sku = due.sku
RETURNING channel_levels.sku, desired, version, attempts, told

-- name: told
-- Rows that a sale holds just now are left out, never waited for: a sale locks many rows in an order of its own, and
-- two that wait for each other would be a deadlock. Returns the SKUs that were written or need no writing.
WITH sent AS (
    SELECT * FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS sent (sku, quantity, version)
), free AS (
    SELECT channel_levels.sku, sent.quantity, sent.version
    FROM channel_levels JOIN sent USING (sku)
    WHERE channel_levels.channel_id = $1
    FOR UPDATE OF channel_levels SKIP LOCKED
), written AS (
    UPDATE channel_levels
    SET told = free.quantity, told_version = free.version, told_at_ms = now_ms(), attempts = 0, due_at_ms = 0,
        last_error = NULL
    FROM free
    WHERE channel_levels.channel_id = $1 AND channel_levels.sku = free.sku AND channel_levels.told_version < free.version
), praised AS (
    UPDATE channels SET last_error = NULL, last_success_ms = now_ms() WHERE channel_id = $1
)
SELECT sku FROM free

-- name: failed
-- Rows that a sale holds just now keep their lease instead.
WITH sent AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[]) AS sent (sku, reason, delay_ms)
), free AS (
    SELECT channel_levels.sku, sent.reason, sent.delay_ms
    FROM channel_levels JOIN sent USING (sku)
    WHERE channel_levels.channel_id = $1
    FOR UPDATE OF channel_levels SKIP LOCKED
), written AS (
    UPDATE channel_levels
    SET attempts = attempts + 1, last_error = free.reason, due_at_ms = now_ms() + free.delay_ms
    FROM free
    WHERE channel_levels.channel_id = $1 AND channel_levels.sku = free.sku
)
UPDATE channels SET last_error = ($3::text[])[1] WHERE channel_id = $1

-- name: wake
SELECT pg_notify('showdrop_levels', '')
