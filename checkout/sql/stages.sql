-- The worker's stages. Taking a row is a lease: due_at_ms moves into the future, and comes round again if its worker died.
-- ANY (ARRAY(…)) instead of a join: the planner, which expects few rows of it, looks them up one by one, as it should.

-- name: take_to_authorise
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2, payment_open = true
WHERE order_id = ANY (ARRAY(
    SELECT order_id FROM orders
    WHERE state = 'submitted' AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING orders.*, now_ms() AS read_at_ms

-- name: take_to_capture
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2
WHERE order_id = ANY (ARRAY(
    SELECT order_id FROM orders
    WHERE state = 'confirmed' AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING orders.*, now_ms() AS read_at_ms

-- name: take_to_give_back
UPDATE orders SET attempts = attempts + 1, due_at_ms = now_ms() + $2
WHERE order_id = ANY (ARRAY(
    SELECT order_id FROM orders
    WHERE state IN ('declined', 'cancelled', 'unfulfillable') AND (authorised > refunded + refund_reserved OR payment_open)
      AND due_at_ms <= (SELECT now_ms())
    ORDER BY due_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING orders.*, now_ms() AS read_at_ms

-- name: lock_orders
-- In id order, so that two batches cannot lock up.
SELECT *, now_ms() AS read_at_ms FROM orders WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE

-- name: save_orders
UPDATE orders
SET state = given.state, reason = given.reason, payment_id = given.payment_id,
    authorised = given.authorised, captured = given.captured, refunded = given.refunded,
    refund_reserved = given.refund_reserved, returned_quantity = given.returned_quantity,
    hold_outcome = given.hold_outcome, payment_open = given.payment_open, next_action = given.next_action::jsonb,
    attempts = given.attempts,
    due_at_ms = CASE WHEN given.wait_ms IS NULL THEN orders.due_at_ms ELSE now_ms() + given.wait_ms END,
    resolve_at_ms = CASE WHEN given.resolve_wait_ms IS NULL THEN orders.resolve_at_ms
                         ELSE now_ms() + given.resolve_wait_ms END,
    updated_at_ms = now_ms(),
    confirmed_at_ms = CASE WHEN given.state = 'confirmed' THEN coalesce(orders.confirmed_at_ms, now_ms())
                           ELSE orders.confirmed_at_ms END
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::text[], $11::boolean[], $12::text[], $13::integer[], $14::bigint[], $15::bigint[])
    AS given (order_id, state, reason, payment_id, authorised, captured, refunded, refund_reserved, returned_quantity,
              hold_outcome, payment_open, next_action, attempts, wait_ms, resolve_wait_ms)
WHERE orders.order_id = given.order_id AND orders.order_id = ANY ($1::text[])
RETURNING orders.order_id, orders.resolve_at_ms

-- name: insert_news
-- What no buyer hears is written only when a merchant may. Both are read in order, so they are written in order.
INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, state, refunded, action,
                    done, hooked)
SELECT event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, state, refunded, action::jsonb,
       merchants_only, NOT someone_listens
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
            $9::text[], $10::bigint[], $11::text[], $12::boolean[])
         WITH ORDINALITY
         AS given (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, state, refunded, action,
                   merchants_only, place)
     CROSS JOIN (SELECT EXISTS (SELECT FROM webhook_endpoints WHERE enabled AND NOT removed) AS someone_listens) AS now
WHERE someone_listens OR NOT merchants_only
ORDER BY place
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

-- name: rebook_order
-- The hold that it had is over and the book knows it. A tombstone on the new hold, or another order of it, comes first.
UPDATE orders
SET hold_id = $2, first_hold_id = coalesce(first_hold_id, hold_id), hold_outcome = NULL, hold_resolved = false,
    resolve_at_ms = 0
WHERE order_id = $1 AND hold_resolved
  AND NOT EXISTS (SELECT FROM orders AS other WHERE other.hold_id = $2 AND other.order_id <> $1)
RETURNING order_id

-- name: is_resolved
SELECT hold_resolved FROM orders WHERE order_id = $1

-- name: take_to_resolve
UPDATE orders SET resolve_at_ms = now_ms() + $2
WHERE order_id = ANY (ARRAY(
    SELECT order_id FROM orders
    WHERE hold_outcome IS NOT NULL AND NOT hold_resolved AND resolve_at_ms <= (SELECT now_ms())
    ORDER BY resolve_at_ms, order_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING orders.order_id, pool_id, hold_id, buyer_id, quantity, hold_outcome, resolve_at_ms

-- name: mark_resolved
-- Only under the lease that it was told under: who asked meanwhile to tell it again is heard.
-- In id order, like everybody who locks several.
UPDATE orders SET hold_resolved = true
WHERE order_id = ANY (ARRAY(
    SELECT orders.order_id
    FROM unnest($1::text[], $2::bigint[]) AS given (order_id, resolve_at_ms)
    JOIN orders ON orders.order_id = given.order_id AND orders.resolve_at_ms = given.resolve_at_ms
    ORDER BY orders.order_id
    FOR UPDATE OF orders
))

-- name: take_news
UPDATE outbox SET due_at_ms = now_ms() + $2
WHERE outbox_id = ANY (ARRAY(
    SELECT outbox_id FROM outbox
    WHERE NOT done AND due_at_ms <= (SELECT now_ms())
    ORDER BY outbox_id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
RETURNING outbox.*

-- name: mark_told
UPDATE outbox SET done = true WHERE outbox_id = ANY ($1::bigint[])

-- name: insert_payment_event
INSERT INTO payment_events (provider, event_id, payment_id, order_id, kind, body)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING event_id

-- name: order_of_payment
SELECT order_id FROM orders WHERE provider = $1 AND (payment_id = $2 OR order_id = $3)
ORDER BY payment_id IS NOT DISTINCT FROM $2 DESC
LIMIT 1
