-- What Postgres says of a trial. Nothing here writes.

-- name: epoch
SELECT epoch FROM pools WHERE pool_id = $1

-- name: pool
SELECT allocated, sold, returned, state FROM pools WHERE pool_id = $1

-- name: orders
SELECT order_id, hold_id, buyer_id, quantity, state, captured, refunded, hold_outcome FROM orders WHERE pool_id = $1

-- name: bank
-- Every payment, by what the bank knows itself.
SELECT order_id, captured AS taken, refunded AS given_back, CASE state WHEN 'authorised' THEN amount ELSE 0 END AS reserved
FROM test_payments

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
SELECT 'show events not relayed', count(*) FROM show_events WHERE NOT relayed
UNION ALL
SELECT 'pools not closed', count(*) FROM pools WHERE pool_id = $1 AND state <> 'closed'
