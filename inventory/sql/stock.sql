-- The stock ledger. Every change of stock, whoever makes it, goes through lock_stock and record_movements.

-- name: lock_stock
-- Always in SKU order, so that two batches with the same SKUs in another order cannot deadlock.
SELECT sku, location, on_hand, ring_fenced
FROM stock
WHERE sku = ANY ($1::text[])
ORDER BY sku, location
FOR UPDATE

-- name: record_movements
-- One statement: ledger lines, counters, and the level that every channel should show from now on.
-- Only lines that were new count, so recording a batch twice changes nothing.
WITH recorded AS (
    INSERT INTO movements (movement_key, kind, sku, location, on_hand_delta, ring_fenced_delta, pool_id, order_id, reason)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                         $7::text[], $8::text[], $9::text[])
    ON CONFLICT (movement_key) DO NOTHING
    RETURNING sku, location, on_hand_delta, ring_fenced_delta
), summed AS (
    SELECT sku, location, sum(on_hand_delta)::bigint AS on_hand_delta, sum(ring_fenced_delta)::bigint AS ring_fenced_delta
    FROM recorded
    GROUP BY sku, location
), changed AS (
    UPDATE stock
    SET on_hand = stock.on_hand + summed.on_hand_delta, ring_fenced = stock.ring_fenced + summed.ring_fenced_delta
    FROM summed
    WHERE stock.sku = summed.sku AND stock.location = summed.location
    RETURNING stock.sku, stock.location, stock.on_hand, stock.ring_fenced
), levelled AS (
    INSERT INTO channel_levels (channel_id, sku, desired, call_group)
    SELECT channels.channel_id, changed.sku,
           channel_level(sum(changed.on_hand - changed.ring_fenced)::bigint,
                         coalesce(min(own.safety_stock), channels.safety_stock),
                         channels.switched_off OR coalesce(bool_or(own.switched_off), false)),
           CASE WHEN channels.links_by_sku THEN '' END
    FROM changed CROSS JOIN channels
    LEFT JOIN channel_levels AS own ON own.channel_id = channels.channel_id AND own.sku = changed.sku
    GROUP BY channels.channel_id, changed.sku
    ON CONFLICT (channel_id, sku) DO UPDATE
        SET desired = excluded.desired, version = channel_levels.version + 1, due_at_ms = 0,
            changed_at_ms = CASE WHEN channel_levels.told_version < channel_levels.version
                                 THEN channel_levels.changed_at_ms ELSE now_ms() END
        WHERE channel_levels.desired <> excluded.desired
    RETURNING 1
), notified AS (
    -- Wakes the channel workers at commit; a transaction sends it once, however many levels it changed.
    SELECT pg_notify('showdrop_levels', '') FROM levelled LIMIT 1
)
-- Postgres runs a SELECT in a WITH only when somebody reads it.
SELECT sku, location, on_hand, ring_fenced FROM changed WHERE (SELECT count(*) FROM notified) >= 0

-- name: stock_of
SELECT sku, location, on_hand, ring_fenced FROM stock WHERE sku = ANY ($1::text[]) ORDER BY sku

-- name: ledger_drift
-- Invariant 11: replaying the ledger from zero gives today's counters.
SELECT sku, location, stock.on_hand, stock.ring_fenced,
       coalesce(summed.on_hand, 0)::bigint AS replayed_on_hand,
       coalesce(summed.ring_fenced, 0)::bigint AS replayed_ring_fenced
FROM stock
FULL JOIN (
    SELECT sku, location, sum(on_hand_delta) AS on_hand, sum(ring_fenced_delta) AS ring_fenced
    FROM movements GROUP BY sku, location
) AS summed USING (sku, location)
WHERE stock.on_hand IS DISTINCT FROM coalesce(summed.on_hand, 0)
   OR stock.ring_fenced IS DISTINCT FROM coalesce(summed.ring_fenced, 0)
