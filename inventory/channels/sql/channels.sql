-- Channels: setting them up.

-- name: create_channel
INSERT INTO channels (channel_id, kind, name, settings, secrets, safety_stock, links_by_sku, cancels_oversold)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)

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

-- name: exists
SELECT EXISTS (SELECT FROM channels WHERE channel_id = $1)

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
