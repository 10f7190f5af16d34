-- The worker's stages. Taking a row is a lease: due_at_ms moves into the future, and comes round again if its worker died.

-- name: take_to_authorise
WITH due AS (
    SELECT order_id FROM orders
    WHERE state = 'submitted' AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2, payment_open = true
FROM due
WHERE orders.order_id = due.order_id
RETURNING orders.*, now_ms() AS read_at_ms

-- name: take_to_capture
WITH due AS (
    SELECT order_id FROM orders
    WHERE state = 'confirmed' AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2
FROM due
WHERE orders.order_id = due.order_id
RETURNING orders.*, now_ms() AS read_at_ms

-- name: take_to_give_back
WITH due AS (
    SELECT order_id FROM orders
    WHERE state IN ('declined', 'cancelled', 'unfulfillable') AND (authorised > refunded + refund_reserved OR payment_open)
      AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2
FROM due
WHERE orders.order_id = due.order_id
RETURNING orders.*, now_ms() AS read_at_ms

-- name: lock_orders
-- In id order, so that two batches cannot lock up.
SELECT *, now_ms() AS read_at_ms FROM orders WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE

-- name: save_orders
UPDATE orders
SET state = given.state, reason = given.reason, payment_id = given.payment_id,
    authorised = given.authorised, captured = given.captured, refunded = given.refunded,
    refund_reserved = given.refund_reserved, hold_outcome = given.hold_outcome, payment_open = given.payment_open,
    attempts = given.attempts,
    due_at_ms = CASE WHEN given.wait_ms IS NULL THEN orders.due_at_ms ELSE now_ms() + given.wait_ms END,
    updated_at_ms = now_ms(),
    confirmed_at_ms = CASE WHEN given.state = 'confirmed' THEN coalesce(orders.confirmed_at_ms, now_ms())
                           ELSE orders.confirmed_at_ms END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::text[], $10::boolean[], $11::integer[], $12::bigint[])
    AS given (order_id, state, reason, payment_id, authorised, captured, refunded, refund_reserved, hold_outcome,
              payment_open, attempts, wait_ms)
WHERE orders.order_id = given.order_id

-- name: insert_news
INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
ON CONFLICT (event_key) DO NOTHING

-- name: oldest_to_settle
SELECT order_id, pool_id FROM orders WHERE state = 'authorised' ORDER BY created_at_ms, order_id LIMIT $1

-- name: lock_pools_to_settle
-- A pool that somebody else settles is left to them, so each has one writer at a time and its orders are decided in
-- order. NO KEY, so that new orders can refer to the pool meanwhile.
SELECT pool_id, allocated - sold - returned AS free
FROM pools
WHERE pool_id = ANY ($1::text[])
ORDER BY pool_id
FOR NO KEY UPDATE SKIP LOCKED

-- name: take_to_settle
-- IS TRUE keeps the planner to the orders named, whatever it believes about how many are authorised.
SELECT *, now_ms() AS read_at_ms
FROM orders
WHERE order_id = ANY ($1::text[]) AND (state = 'authorised') IS TRUE
ORDER BY created_at_ms, order_id
FOR UPDATE SKIP LOCKED

-- name: lock_pool_of
SELECT pool_id, allocated - sold - returned AS free
FROM pools
WHERE pool_id = (SELECT pool_id FROM orders WHERE order_id = $1)
FOR NO KEY UPDATE

-- name: add_sold
UPDATE pools SET sold = sold + given.quantity
FROM unnest($1::text[], $2::bigint[]) AS given (pool_id, quantity)
WHERE pools.pool_id = given.pool_id

-- name: take_to_resolve
WITH due AS (
    SELECT order_id FROM orders
    WHERE hold_outcome IS NOT NULL AND NOT hold_resolved AND resolve_at_ms <= (SELECT now_ms())
    ORDER BY resolve_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE orders SET resolve_at_ms = now_ms() + $2
FROM due
WHERE orders.order_id = due.order_id
RETURNING orders.order_id, pool_id, hold_id, buyer_id, quantity, hold_outcome, resolve_at_ms

-- name: mark_resolved
-- Only under the lease that it was told under: who asked meanwhile to tell it again is heard.
UPDATE orders SET hold_resolved = true
FROM unnest($1::text[], $2::bigint[]) AS given (order_id, resolve_at_ms)
WHERE orders.order_id = given.order_id AND orders.resolve_at_ms = given.resolve_at_ms

-- name: take_news
WITH due AS (
    SELECT outbox_id FROM outbox
    WHERE NOT done AND due_at_ms <= (SELECT now_ms())
    ORDER BY outbox_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE outbox SET due_at_ms = now_ms() + $2
FROM due
WHERE outbox.outbox_id = due.outbox_id
RETURNING outbox.*

-- name: mark_told
UPDATE outbox SET done = true WHERE outbox_id = ANY ($1::bigint[])

-- name: insert_payment_event
INSERT INTO payment_events (provider, event_id, payment_id, kind, body)
VALUES ($1, $2, $3, $4, $5::jsonb)
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING event_id

-- name: order_of_payment
SELECT order_id FROM orders WHERE provider = $1 AND (payment_id = $2 OR order_id = $3)
ORDER BY payment_id IS NOT DISTINCT FROM $2 DESC
LIMIT 1
