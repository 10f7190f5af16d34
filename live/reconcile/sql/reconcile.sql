-- What the reconciler reads. Nothing here writes.

-- name: patience
-- Milliseconds, for this transaction.
SELECT set_config('statement_timeout', $1, true)

-- name: fences
SELECT sku, location, stock.ring_fenced, coalesce(summed.in_pools, 0)::bigint AS in_pools
FROM stock
LEFT JOIN (
    SELECT sku, location, sum(allocated - sold - returned) AS in_pools FROM pools GROUP BY sku, location
) AS summed USING (sku, location)
WHERE stock.ring_fenced <> 0 OR summed.in_pools <> 0
ORDER BY sku, location

-- name: pools
-- Unfinished pools, and finished ones that are not plainly right.
SELECT pools.pool_id, epoch, allocated, sold, returned, state = 'closed' AS finished,
       coalesce(ordered.units, 0)::bigint AS sold_in_orders, coalesce(moved.units, 0)::bigint AS sold_in_movements
FROM pools
LEFT JOIN (
    SELECT pool_id, sum(quantity) AS units FROM orders WHERE hold_outcome = 'sold' GROUP BY pool_id
) AS ordered USING (pool_id)
LEFT JOIN (
    SELECT pool_id, -sum(on_hand_delta) AS units FROM movements WHERE kind = 'sale' GROUP BY pool_id
) AS moved USING (pool_id)
WHERE pools.state <> 'closed' OR sold <> coalesce(ordered.units, 0) OR sold <> coalesce(moved.units, 0)
   OR sold + returned > allocated
ORDER BY pools.pool_id

-- name: orders
SELECT order_id, pool_id, hold_id, hold_outcome AS outcome, hold_resolved AS resolved
FROM orders JOIN pools USING (pool_id)
WHERE pools.state <> 'closed' AND (orders.state IN ('submitted', 'authorised') OR hold_outcome IS NOT NULL)

-- name: money
-- Orders whose money is not plainly right: another sum than the bank has, captured twice, or taken for nothing.
-- Only the test bank's books are here; of other providers' payments, what the orders say.
SELECT order_id, orders.state AS order_state, hold_outcome IS NOT DISTINCT FROM 'sold' AS sold,
       coalesce(amount, 0)::bigint AS amount,
       coalesce(orders.captured, 0)::bigint AS captured, coalesce(orders.refunded, 0)::bigint AS refunded,
       coalesce(refund_reserved > 0 OR payment_open OR orders.state IN ('submitted', 'authorised', 'confirmed'), false)
           AS on_its_way,
       coalesce(CASE WHEN provider <> 'test' THEN orders.captured ELSE bank.captured END, 0)::bigint AS bank_captured,
       coalesce(CASE WHEN provider <> 'test' THEN orders.refunded ELSE bank.refunded END, 0)::bigint AS bank_refunded,
       coalesce(bank.captures, 0) AS bank_captures
FROM orders
FULL JOIN (
    SELECT order_id, sum(captured) AS captured, sum(refunded) AS refunded, count(*) FILTER (WHERE captured > 0) AS captures
    FROM test_payments GROUP BY order_id
) AS bank USING (order_id)
WHERE (coalesce(provider, 'test') = 'test' AND coalesce(orders.captured, 0) <> coalesce(bank.captured, 0))
   OR (coalesce(provider, 'test') = 'test' AND coalesce(orders.refunded, 0) <> coalesce(bank.refunded, 0))
   OR bank.captures > 1
   OR (orders.captured > orders.refunded AND hold_outcome IS DISTINCT FROM 'sold')
   OR (orders.state = 'captured' AND orders.captured <> orders.amount)
ORDER BY order_id
LIMIT $1

-- name: logs
SELECT show_id, seq, coalesce(events.newest, 0)::bigint AS newest_event, coalesce(events.unrelayed, 0) AS unrelayed
FROM shows
LEFT JOIN (
    SELECT show_id, max(seq) AS newest, count(*) FILTER (WHERE NOT relayed) AS unrelayed
    FROM show_events GROUP BY show_id
) AS events USING (show_id)
ORDER BY show_id

-- name: levels
-- Levels that are not what they should be, and SKUs without one.
SELECT channel_id, sku, wanted AS due, desired, told, coalesce(told_version < version, false) AS waiting
FROM channel_wanted LEFT JOIN channel_levels USING (channel_id, sku)
WHERE desired IS DISTINCT FROM wanted OR (told_version = version AND told IS DISTINCT FROM desired)
ORDER BY channel_id, sku
LIMIT $1

-- name: totals
SELECT (SELECT count(*) FROM stock) AS counters,
       (SELECT count(*) FROM pools) AS pools,
       (SELECT coalesce(sum(sold), 0)::bigint FROM pools) AS units_sold,
       (SELECT count(*) FROM movements) AS movements,
       (SELECT count(*) FROM orders) AS orders,
       (SELECT count(*) FROM orders WHERE captured > 0) AS captured_orders,
       (SELECT count(*) FROM test_payments) AS bank_payments,
       (SELECT count(*) FROM outbox WHERE NOT done) AS undone_news,
       (SELECT count(*) FROM outbox WHERE NOT done AND created_at_ms < now_ms() - $1::bigint) AS overdue_news,
       (SELECT count(*) FROM channels) AS channels,
       (SELECT count(*) FROM channel_levels) AS levels,
       (SELECT count(*) FROM channel_levels WHERE told_version < version) AS levels_waiting,
       (SELECT count(*) FROM orders
        WHERE refund_reserved > 0 OR payment_open OR state IN ('submitted', 'authorised', 'confirmed')) AS orders_under_way
