-- Levels of channels. `record_movements` (stock.sql) writes desired and version; here they are told and read.

-- name: levels
SELECT sku, desired, told, told_at_ms, last_error, item_id, call_group IS NOT NULL AS linked, safety_stock, switched_off,
       drift
FROM channel_levels
WHERE channel_id = $1 AND sku > $2
ORDER BY sku
LIMIT $3

-- name: take_due
-- One group of those that have something due, the next one after $4 (NULL: the first). The lease is a due time in the
-- future: when the taker dies, the rows are due again by themselves. $5: SKUs whose earlier call is still worked on.
-- $6: leave to pass_over what needs no call.
-- Attempts are counted here and not when they fail: whoever dies in between has tried too.
WITH due AS (
    SELECT channel_id, sku
    FROM channel_levels
    WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms()) AND sku <> ALL ($5::text[])
      AND NOT ($6 AND attempts = 0 AND told IS NOT NULL AND (told > 0) = (desired > 0))
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
      AND call_group = (
          SELECT call_group
          FROM channel_levels
          WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms())
            AND sku <> ALL ($5::text[]) AND call_group IS NOT NULL AND ($4::text IS NULL OR call_group > $4)
            AND NOT ($6 AND attempts = 0 AND told IS NOT NULL AND (told > 0) = (desired > 0))
          ORDER BY call_group
          LIMIT 1
      )
    ORDER BY due_at_ms
    LIMIT $2
    FOR UPDATE OF channel_levels SKIP LOCKED
)
UPDATE channel_levels
SET due_at_ms = now_ms() + $3, attempts = attempts + 1
FROM due
WHERE channel_levels.channel_id = due.channel_id AND channel_levels.sku = due.sku
RETURNING channel_levels.sku, coalesce(item_id, channel_levels.sku) AS item_id, call_group, desired, version,
          attempts - 1 AS attempts, told, told_version, now_ms() AS taken_at_ms

-- name: pass_over
-- For a channel that only shows availability: what is on the side of zero that it was told last needs no call. Of a SKU
-- that was tried since then it is not known what the channel shows, whatever came of the try. Up to $2 rows.
WITH needless AS (
    SELECT channel_id, sku
    FROM channel_levels
    WHERE channel_id = $1 AND told_version < version AND call_group IS NOT NULL AND attempts = 0
      AND (told > 0) = (desired > 0)
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE channel_levels
SET told = desired, told_version = version, told_at_ms = now_ms()
FROM needless
WHERE channel_levels.channel_id = needless.channel_id AND channel_levels.sku = needless.sku

-- name: told
-- Rows that a sale holds just now are left out, never waited for: a sale locks many rows in an order of its own, and
-- two that wait for each other would be a deadlock. Returns the SKUs that were written or need no writing. Of a SKU that
-- was let go meanwhile, or is another item now, nothing is known by this call.
WITH sent AS (
    SELECT *
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
         AS sent (sku, item_id, quantity, version, told_before, taken_at_ms)
), free AS (
    SELECT channel_levels.sku, sent.quantity, sent.version, sent.told_before, sent.taken_at_ms,
           call_group IS NOT NULL AND coalesce(channel_levels.item_id, sku) = sent.item_id AS is_same_item
    FROM channel_levels JOIN sent USING (sku)
    WHERE channel_levels.channel_id = $1
    FOR UPDATE OF channel_levels SKIP LOCKED
), written AS (
    -- What changed during the call is younger than its beginning.
    UPDATE channel_levels
    SET told = free.quantity, told_version = free.version, told_at_ms = now_ms(), attempts = 0, due_at_ms = 0,
        last_error = NULL, changed_at_ms = greatest(changed_at_ms, free.taken_at_ms)
    FROM free
    WHERE channel_levels.channel_id = $1 AND channel_levels.sku = free.sku AND free.is_same_item
      AND channel_levels.told_version = free.told_before AND channel_levels.told_version < free.version
), crossed AS (
    -- Somebody else told it during the call, and nobody knows which of the two the channel took last: it is told anew.
    UPDATE channel_levels
    SET version = channel_levels.version + 1, due_at_ms = 0, attempts = 1,
        changed_at_ms = greatest(changed_at_ms, free.taken_at_ms)
    FROM free
    WHERE channel_levels.channel_id = $1 AND channel_levels.sku = free.sku AND free.is_same_item
      AND channel_levels.told_version <> free.told_before
), praised AS (
    UPDATE channels SET last_error = NULL, last_success_ms = now_ms() WHERE channel_id = $1
)
SELECT sku FROM free

-- name: failed
-- Rows that a sale holds just now keep their lease instead. What changed during the call, or is another item now, does
-- not wait for what an older level failed with.
WITH sent AS (
    SELECT *
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
         AS sent (sku, item_id, version, reason, delay_ms)
), free AS (
    SELECT channel_levels.sku, sent.reason, sent.delay_ms
    FROM channel_levels JOIN sent USING (sku)
    WHERE channel_levels.channel_id = $1 AND channel_levels.version = sent.version
      AND call_group IS NOT NULL AND coalesce(channel_levels.item_id, sku) = sent.item_id
    FOR UPDATE OF channel_levels SKIP LOCKED
), written AS (
    UPDATE channel_levels
    SET last_error = free.reason, due_at_ms = (SELECT now_ms()) + free.delay_ms
    FROM free
    WHERE channel_levels.channel_id = $1 AND channel_levels.sku = free.sku
)
UPDATE channels SET last_error = ($5::text[])[1] WHERE channel_id = $1

-- name: told_page
SELECT sku, coalesce(item_id, sku) AS item_id, call_group, told
FROM channel_levels
WHERE channel_id = $1 AND sku > $2 AND told_version = version AND call_group IS NOT NULL
ORDER BY sku
LIMIT $3

-- name: note_drift
-- Rows that a sale holds just now are left for the next reading.
WITH seen AS (
    SELECT * FROM unnest($2::text[], $3::text[]) AS seen (sku, drift)
), free AS (
    SELECT channel_levels.sku, seen.drift
    FROM channel_levels JOIN seen USING (sku)
    WHERE channel_levels.channel_id = $1 AND channel_levels.drift IS DISTINCT FROM seen.drift
    FOR UPDATE OF channel_levels SKIP LOCKED
)
UPDATE channel_levels SET drift = free.drift FROM free WHERE channel_id = $1 AND channel_levels.sku = free.sku

-- name: tell_anew
-- A new version whatever was told: something else has set the quantity over there. Rows that somebody holds just now
-- are left for the next try: nobody waits for anybody. Returns the SKUs that are done or not there.
WITH free AS (
    SELECT sku FROM channel_levels
    WHERE channel_id = $1 AND sku = ANY ($2::text[])
    FOR UPDATE SKIP LOCKED
), raised AS (
    UPDATE channel_levels
    SET version = version + 1, due_at_ms = 0, attempts = greatest(attempts, 1),
        changed_at_ms = CASE WHEN told_version < version THEN changed_at_ms ELSE now_ms() END
    FROM free
    WHERE channel_id = $1 AND channel_levels.sku = free.sku
)
SELECT sku FROM free
UNION ALL
SELECT sku FROM unnest($2::text[]) AS asked (sku)
WHERE NOT EXISTS (SELECT FROM channel_levels WHERE channel_id = $1 AND channel_levels.sku = asked.sku)

-- name: tell_again
-- A new version of what stands differently at the channel; not of what has changed here meanwhile. It counts as tried:
-- what the channel shows is not what it was told, so nobody may pass it over.
-- Rows that a sale holds just now are left for the next reading.
WITH free AS (
    SELECT sku FROM channel_levels
    WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND told_version = version
    FOR UPDATE SKIP LOCKED
)
UPDATE channel_levels
SET version = version + 1, due_at_ms = 0, attempts = 1, changed_at_ms = now_ms()
FROM free
WHERE channel_id = $1 AND channel_levels.sku = free.sku
