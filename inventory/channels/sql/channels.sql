-- Channels: setting them up.

-- name: lock_bulk
SELECT pg_advisory_xact_lock($1)

-- name: lock_levels
-- Waits for movements under way and holds back new ones for a moment, so that none computes levels without knowing of
-- this change. (A statement takes this lock before it takes its snapshot.)
LOCK TABLE channel_levels IN SHARE ROW EXCLUSIVE MODE

-- name: create_channel
INSERT INTO channels (channel_id, kind, name, settings, secrets, safety_stock, links_by_sku, cancels_oversold)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)

-- name: level_every_sku
INSERT INTO channel_levels (channel_id, sku, desired, call_group)
SELECT channel_id, sku, wanted, CASE WHEN links_by_sku THEN '' END
FROM channel_wanted JOIN channels USING (channel_id)
WHERE channel_id = ANY ($1::text[])
ON CONFLICT (channel_id, sku) DO UPDATE
    SET desired = excluded.desired, version = channel_levels.version + 1, due_at_ms = 0,
        changed_at_ms = CASE WHEN channel_levels.told_version < channel_levels.version
                             THEN channel_levels.changed_at_ms ELSE now_ms() END
    WHERE channel_levels.desired <> excluded.desired

-- name: lock_channel
SELECT FROM channels WHERE channel_id = $1 FOR UPDATE

-- name: lock_orders
SELECT FROM channel_orders WHERE channel_id = $1 ORDER BY order_id FOR UPDATE

-- name: note_error
UPDATE channels SET last_error = $2 WHERE channel_id = $1

-- name: remove_channel
DELETE FROM channels WHERE channel_id = $1

-- name: set_state
-- A channel that is resumed begins without the error that it was paused with.
UPDATE channels SET state = $2, last_error = CASE WHEN $2 = 'active' THEN $3 ELSE coalesce($3, last_error) END
WHERE channel_id = $1

-- name: hurry
-- A resumed channel does not wait for the back-off of its last failures. What was tried stays tried (see pass_over).
UPDATE channel_levels SET due_at_ms = 0, attempts = least(attempts, 1) WHERE channel_id = $1 AND told_version < version

-- name: set_safety_stock
UPDATE channels SET safety_stock = $2 WHERE channel_id = $1

-- name: switch
UPDATE channels SET switched_off = $2 WHERE channel_id = ANY ($1::text[]) RETURNING channel_id

-- name: switch_skus
UPDATE channel_levels SET switched_off = $3 WHERE channel_id = ANY ($1::text[]) AND sku = ANY ($2::text[])

-- name: set_safety_stock_of
UPDATE channel_levels SET safety_stock = $3 WHERE channel_id = $1 AND sku = $2

-- name: exists
SELECT EXISTS (SELECT FROM channels WHERE channel_id = $1)

-- name: known_skus
SELECT DISTINCT sku FROM channel_levels WHERE channel_id = ANY ($1::text[]) AND sku = ANY ($2::text[])

-- name: every_id
SELECT channel_id FROM channels ORDER BY channel_id

-- name: save_secrets
-- Not over what staff have changed meanwhile.
UPDATE channels SET secrets = $2, secret = '' WHERE channel_id = $1 AND set_up = $3

-- name: change
UPDATE channels
SET settings = $2::jsonb, secrets = $3, secret = '', set_up = set_up + 1, state = 'active', last_error = NULL
WHERE channel_id = $1

-- name: channels
SELECT channels.channel_id, kind, name, state, safety_stock, switched_off, last_error, untold.behind, untold.unlinked,
       coalesce(greatest(0, now_ms() - untold.since_ms), 0) AS lag_ms,
       (SELECT count(*) FROM channel_orders
        WHERE channel_orders.channel_id = channels.channel_id AND channel_orders.state = 'oversold_elsewhere') AS oversold,
       (SELECT count(*) FROM channel_orders
        WHERE channel_orders.channel_id = channels.channel_id AND channel_orders.state = 'unlinked') AS unlinked_orders
FROM channels CROSS JOIN LATERAL (
    SELECT count(call_group) AS behind, min(changed_at_ms) FILTER (WHERE call_group IS NOT NULL) AS since_ms,
           count(*) FILTER (WHERE call_group IS NULL) AS unlinked
    FROM channel_levels
    WHERE channel_levels.channel_id = channels.channel_id AND told_version < version
) AS untold
ORDER BY channels.channel_id

-- name: active_configs
SELECT channel_id, kind, name, settings::text, secret, secrets, set_up FROM channels WHERE state = 'active'

-- name: config
SELECT channel_id, kind, name, settings::text, secret, secrets, set_up FROM channels WHERE channel_id = $1

-- name: wake
SELECT pg_notify('showdrop_levels', '')
