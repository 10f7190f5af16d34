-- Refunds: reserved on the order first, then asked of the provider, then finished; at most one end each.

-- name: refund_by_id
SELECT refunds.*, orders.provider, orders.payment_id, orders.currency
FROM refunds JOIN orders USING (order_id)
WHERE refund_id = $1

-- name: units_under_way
-- Under the lock of their order, so nobody adds to them meanwhile.
SELECT coalesce(sum(quantity), 0)::bigint FROM refunds WHERE order_id = $1 AND state = 'pending'

-- name: insert_refund
-- Its first worker is whoever inserted it, so it is leased from the beginning.
INSERT INTO refunds (refund_id, order_id, amount, quantity, reason, restock, end_state, attempts, due_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, now_ms() + $8)

-- name: take_refunds
WITH due AS (
    SELECT refund_id FROM refunds
    WHERE state = 'pending' AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms
    LIMIT $1
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE refunds SET attempts = attempts + 1, due_at_ms = now_ms() + $2
    FROM due
    WHERE refunds.refund_id = due.refund_id
    RETURNING refunds.*
)
SELECT taken.*, orders.provider, orders.payment_id, orders.currency
FROM taken JOIN orders USING (order_id)

-- name: end_refund
-- Nothing is returned when it has ended already.
UPDATE refunds SET state = $2, done_at_ms = now_ms() WHERE refund_id = $1 AND state = 'pending' RETURNING refund_id

-- name: refuse_refund
-- Nothing is returned when it has ended already.
UPDATE refunds SET refusals = refusals + 1, due_at_ms = now_ms() + $2
WHERE refund_id = $1 AND state = 'pending'
RETURNING refusals

-- name: postpone_refund
UPDATE refunds SET due_at_ms = now_ms() + $2 WHERE refund_id = $1 AND state = 'pending'

-- name: cancelling_refund
-- Whoever cancelled the order decides what becomes of it, also when another refund is the last to end.
SELECT refunds.*, orders.provider, orders.payment_id, orders.currency
FROM refunds JOIN orders USING (order_id)
WHERE order_id = $1 AND end_state = 'cancelled' AND refunds.state <> 'failed'
LIMIT 1
