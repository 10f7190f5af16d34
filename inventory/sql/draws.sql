-- Draws: entries while the window is open, the order afterwards.

-- name: lock_windows
-- One batch of entries of a pool at a time, and none beside its draw; in one order, so that batches wait and never
-- lock up. Whether a window is open is asked afterwards: under the lock, the answer stays true.
SELECT 1 FROM pools
WHERE pool_id = ANY ($1::text[]) AND mode = 'draw' AND state = 'open' AND drawn_at_ms IS NULL
ORDER BY pool_id
FOR NO KEY UPDATE

-- name: windows
SELECT pool_id, mode, ends_at_ms + grace_ms AS draw_at_ms, starts_at_ms <= now.ms AS begun,
       starts_at_ms <= now.ms AND now.ms < ends_at_ms + grace_ms AND drawn_at_ms IS NULL AND state = 'open' AS open
FROM pools, (SELECT now_ms() AS ms) AS now
WHERE pool_id = ANY ($1::text[])

-- name: entries_there
-- Those of the same buyers and those under the same claim ids.
SELECT pool_id, buyer_id, claim_id
FROM unnest($1::text[], $2::text[]) AS wish (pool_id, buyer_id) JOIN draw_entries USING (pool_id, buyer_id)
UNION
SELECT pool_id, buyer_id, claim_id
FROM unnest($1::text[], $3::text[]) AS wish (pool_id, claim_id) JOIN draw_entries USING (pool_id, claim_id)

-- name: add_entries
INSERT INTO draw_entries (pool_id, buyer_id, claim_id, digest, entered_at_ms)
SELECT pool_id, buyer_id, claim_id, sha256(convert_to(seed || ':' || buyer_id, 'UTF8')), (SELECT now_ms())
FROM unnest($1::text[], $2::text[], $3::text[]) AS entry (pool_id, buyer_id, claim_id) JOIN pools USING (pool_id)

-- name: count_entries
UPDATE pools SET entries = entries + fresh.count
FROM (SELECT pool_id, count(*) AS count FROM unnest($1::text[]) AS entry (pool_id) GROUP BY pool_id) AS fresh
WHERE pools.pool_id = fresh.pool_id

-- name: mark_drawn
UPDATE pools SET drawn_at_ms = now_ms()
WHERE pool_id = $1 AND mode = 'draw' AND state = 'open' AND drawn_at_ms IS NULL AND ends_at_ms + grace_ms <= now_ms()
RETURNING seed, entries

-- name: mark_lined_up
UPDATE pools SET lined_up_at_ms = now_ms() WHERE pool_id = $1 AND drawn_at_ms IS NOT NULL AND lined_up_at_ms IS NULL

-- name: drawn_pools
SELECT * FROM pools WHERE state = 'open' AND drawn_at_ms IS NOT NULL ORDER BY pool_id

-- name: order_after
SELECT buyer_id, claim_id, digest, entered_at_ms
FROM draw_entries
WHERE pool_id = $1 AND digest > $2
ORDER BY digest
LIMIT $3

-- name: draw
SELECT seed_hash, CASE WHEN drawn_at_ms IS NOT NULL THEN seed END AS seed, drawn_at_ms, entries, allocated
FROM pools WHERE pool_id = $1 AND mode = 'draw'
