-- What a rehearsal reads when it is over, and what tells whether all is quiet. Nothing here writes.

-- name: pool
SELECT allocated, sold, returned, state FROM pools WHERE pool_id = $1

-- name: orders
SELECT order_id, hold_id, buyer_id, quantity, amount, currency, state, payment_id, captured, refunded, hold_outcome
FROM orders WHERE pool_id = $1

-- name: payments
SELECT test_payments.payment_id, order_id, test_payments.amount, test_payments.currency, test_payments.state,
       test_payments.captured, test_payments.refunded
FROM test_payments JOIN orders USING (order_id)
WHERE pool_id = $1

-- name: payment_events
SELECT count(*) AS events, count(DISTINCT (payment_events.provider, event_id)) AS ids
FROM payment_events JOIN orders USING (payment_id)
WHERE pool_id = $1

-- name: news
SELECT outbox.kind, order_id, outbox.buyer_id, done, coalesce(outbox.refunded, 0) AS refunded
FROM outbox JOIN orders USING (order_id) WHERE pool_id = $1

-- name: stock
SELECT coalesce(sum(on_hand), 0)::bigint AS on_hand, coalesce(sum(ring_fenced), 0)::bigint AS ring_fenced
FROM stock WHERE sku = $1

-- name: sales
SELECT coalesce(-sum(on_hand_delta), 0)::bigint AS units, count(*) AS movements
FROM movements WHERE pool_id = $1 AND kind = 'sale'

-- name: ledger
-- Every counter of the shop beside the sum of its movements.
SELECT count(*) AS skus, coalesce(sum(summed.movements), 0)::bigint AS movements,
       count(*) FILTER (WHERE stock.on_hand IS DISTINCT FROM coalesce(summed.on_hand, 0)
                           OR stock.ring_fenced IS DISTINCT FROM coalesce(summed.ring_fenced, 0)) AS drifting
FROM stock
FULL JOIN (
    SELECT sku, location, count(*) AS movements, sum(on_hand_delta) AS on_hand, sum(ring_fenced_delta) AS ring_fenced
    FROM movements GROUP BY sku, location
) AS summed USING (sku, location)

-- name: levels
SELECT channel_id, coalesce(channel_levels.safety_stock, channels.safety_stock) AS safety_stock,
       channels.switched_off OR channel_levels.switched_off AS switched_off, desired, told
FROM channel_levels JOIN channels USING (channel_id)
WHERE sku = $1 AND channels.state = 'active' AND call_group IS NOT NULL

-- name: events
SELECT seq, at_ms FROM show_events WHERE show_id = $1 ORDER BY seq

-- name: unrest
-- What is still on its way; one row per kind.
SELECT 'orders under way' AS what, count(*) AS items FROM orders
WHERE pool_id = $1 AND (state IN ('submitted', 'authorised', 'confirmed') OR payment_open
                        OR (state IN ('declined', 'cancelled', 'unfulfillable') AND authorised > refunded + refund_reserved))
UNION ALL
SELECT 'holds not resolved', count(*) FROM orders
WHERE pool_id = $1 AND hold_outcome IS NOT NULL AND NOT hold_resolved
UNION ALL
SELECT 'refunds under way', count(*) FROM refunds JOIN orders USING (order_id)
WHERE pool_id = $1 AND refunds.state = 'pending'
UNION ALL
SELECT 'news not told', count(*) FROM outbox JOIN orders USING (order_id) WHERE pool_id = $1 AND NOT done
UNION ALL
SELECT 'webhooks of the bank', count(*) FROM test_payments JOIN orders USING (order_id)
WHERE pool_id = $1 AND notify_at_ms IS NOT NULL
UNION ALL
SELECT 'show events not relayed', count(*) FROM show_events WHERE show_id = $2 AND NOT relayed
UNION ALL
SELECT 'levels not told', count(*) FROM channel_levels
WHERE channel_id = $3 AND sku = $4 AND told_version < version

-- name: open_pools
SELECT count(*) FROM pools WHERE pool_id = $1 AND state <> 'closed'

-- name: told
-- What every channel was told of a SKU.
SELECT channel_id, version, told_version, coalesce(told_at_ms, 0) AS told_at_ms,
       channels.last_error IS NOT NULL AS failing
FROM channel_levels JOIN channels USING (channel_id)
WHERE sku = $1 AND state = 'active' AND call_group IS NOT NULL

-- name: others_told
-- Of how many other SKUs each channel was told meanwhile.
SELECT channel_id, count(*) AS skus FROM channel_levels WHERE sku <> $1 AND told_at_ms >= $2 GROUP BY channel_id

-- name: called
-- When every channel was called last, as far as the call went well.
SELECT channel_id, coalesce(last_success_ms, 0) AS called_at_ms FROM channels

-- name: free_units
-- Changes of the units that nobody has set aside.
SELECT at_ms, on_hand_delta - ring_fenced_delta AS delta FROM movements
WHERE sku = $1 AND at_ms >= $2 AND on_hand_delta <> ring_fenced_delta
ORDER BY movement_id

-- name: now_ms
SELECT now_ms()
