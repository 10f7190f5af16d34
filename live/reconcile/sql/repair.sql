-- What the reconciler writes: lines that are appended, and marks that let the ordinary work be done again.

-- name: lock_stock
-- Whoever moves stock holds the row, so nothing moves while the difference is taken.
SELECT sku FROM stock WHERE sku = $1 ORDER BY location FOR UPDATE

-- name: complete_ledger
-- One line per place whose counter the ledger does not explain: from then on it does. No counter moves.
INSERT INTO movements (movement_key, kind, sku, location, on_hand_delta, ring_fenced_delta, reason)
SELECT 'adjust:reconcile:' || $2 || ':' || stock.location, 'adjust', stock.sku, stock.location,
       stock.on_hand - coalesce(summed.on_hand, 0), stock.ring_fenced - coalesce(summed.ring_fenced, 0),
       'reconcile: the ledger did not explain the counter'
FROM stock
LEFT JOIN (
    SELECT sku, location, sum(on_hand_delta) AS on_hand, sum(ring_fenced_delta) AS ring_fenced
    FROM movements WHERE sku = $1 GROUP BY sku, location
) AS summed USING (sku, location)
WHERE stock.sku = $1
  AND (stock.on_hand <> coalesce(summed.on_hand, 0) OR stock.ring_fenced <> coalesce(summed.ring_fenced, 0))
RETURNING location, on_hand_delta, ring_fenced_delta

-- name: unfenced
-- Units that pools have and the counter has not, by place; negative where it has too many.
SELECT location, coalesce(summed.in_pools, 0)::bigint - stock.ring_fenced AS missing
FROM stock
LEFT JOIN (
    SELECT sku, location, sum(allocated - sold - returned) AS in_pools FROM pools WHERE sku = $1 GROUP BY sku, location
) AS summed USING (sku, location)
WHERE stock.sku = $1 AND stock.ring_fenced <> coalesce(summed.in_pools, 0)

-- name: resolve_again
UPDATE orders SET hold_resolved = false, resolve_at_ms = 0 WHERE order_id = ANY ($1::text[]) AND hold_outcome IS NOT NULL

-- name: relay_again
UPDATE show_events SET relayed = false WHERE show_id = $1 AND seq > $2 AND relayed

-- name: lock_bulk
SELECT pg_advisory_xact_lock($1)

-- name: lock_levels
-- Waits for movements under way and holds back new ones, so that none computes levels meanwhile.
LOCK TABLE channel_levels IN SHARE ROW EXCLUSIVE MODE

-- name: level_again
-- A new version of every level that is not what it should be, or was not told although nothing is waiting.
INSERT INTO channel_levels (channel_id, sku, desired, call_group)
SELECT channel_id, sku, wanted, CASE WHEN links_by_sku THEN '' END
FROM channel_wanted JOIN channels USING (channel_id) LEFT JOIN channel_levels AS present USING (channel_id, sku)
WHERE channel_id = $1
  AND (present.desired IS DISTINCT FROM wanted
       OR (present.told_version = present.version AND present.told IS DISTINCT FROM present.desired))
ON CONFLICT (channel_id, sku) DO UPDATE
    SET desired = excluded.desired, version = channel_levels.version + 1, due_at_ms = 0,
        changed_at_ms = CASE WHEN channel_levels.told_version < channel_levels.version
                             THEN channel_levels.changed_at_ms ELSE now_ms() END
RETURNING sku

-- name: wake
SELECT pg_notify('showdrop_levels', '')
