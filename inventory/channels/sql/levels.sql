-- Levels of channels. `record_movements` (stock.sql) writes desired and version; here they are told and read.

-- name: exists
SELECT EXISTS (SELECT FROM channels WHERE channel_id = $1)

-- name: levels
SELECT sku, desired, told, told_at_ms, last_error, item_id, call_group IS NOT NULL AS linked, safety_stock, switched_off
FROM channel_levels
WHERE channel_id = $1 AND sku > $2
ORDER BY sku
LIMIT $3

-- name: take_due
-- One group of those that have something due, the next one after $4 (NULL: the first). The lease is a due time in the
-- future: when the taker dies, the rows are due again by themselves. $5: SKUs whose earlier call is still worked on.
WITH due AS (
    SELECT channel_id, sku
    FROM channel_levels
    WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms()) AND sku <> ALL ($5::text[])
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
      AND call_group = (
          SELECT call_group
          FROM channel_levels
          WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms())
            AND sku <> ALL ($5::text[]) AND call_group IS NOT NULL AND ($4::text IS NULL OR call_group > $4)
          ORDER BY call_group
          LIMIT 1
      )
    ORDER BY due_at_ms
    LIMIT $2
    FOR UPDATE OF channel_levels SKIP LOCKED
)
UPDATE channel_levels
SET due_at_ms = now_ms() + $3
FROM due
WHERE channel_levels.channel_id = due.channel_id AND channel_levels.sku = due.sku
RETURNING channel_levels.sku, coalesce(item_id, channel_levels.sku) AS item_id, call_group, desired, version, attempts,
          told

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

-- name: told_page
SELECT sku, coalesce(item_id, sku) AS item_id, call_group, told
FROM channel_levels
WHERE channel_id = $1 AND sku > $2 AND told_version = version AND call_group IS NOT NULL
ORDER BY sku
LIMIT $3

-- name: tell_again
-- A new version of what stands differently at the channel; not of what has changed here meanwhile.
UPDATE channel_levels
SET version = version + 1, due_at_ms = 0, changed_at_ms = now_ms()
WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND told_version = version
