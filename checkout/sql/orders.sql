-- Orders: writing them, and reading them for people.

-- name: insert_orders
-- In hold order, so that two processes with the same holds wait for each other instead of locking up. All get the same
-- time, so that within a batch the order ids, which begin with the time of arrival, say who came first.
-- A hold whose order got its units from another one afterwards still has that order.
WITH fresh AS (
    INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency, payment_method,
                        provider, shipping, created_at_ms)
    SELECT order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency, payment_method,
           provider, shipping::jsonb, (SELECT now_ms())
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
                $9::text[], $10::text[], $11::text[], $12::text[])
        WITH ORDINALITY AS given (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency,
                                  payment_method, provider, shipping, place)
    WHERE NOT EXISTS (SELECT FROM orders WHERE orders.first_hold_id = given.hold_id)
    ORDER BY hold_id, place
    ON CONFLICT (hold_id) DO NOTHING
    RETURNING *
)
INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, state, refunded, done, hooked)
SELECT order_id || ':order.submitted', show_id, buyer_id, 'order.submitted', order_id, hold_id, amount, currency, state,
       0, true, false
FROM fresh
WHERE EXISTS (SELECT FROM webhook_endpoints WHERE enabled AND NOT removed)
ORDER BY order_id

-- name: notify_of_new_orders
-- Only those who authorise have to wake up for them.
SELECT pg_notify('showdrop_orders', 'new')

-- name: notify_workers
-- Delivered when the transaction commits; many of one transaction arrive as one.
SELECT pg_notify('showdrop_orders', '')

-- name: orders_of_holds
-- Two looks, each by its index: for an OR the planner reads the whole table.
SELECT *, now_ms() AS read_at_ms FROM orders WHERE hold_id = ANY ($1::text[])
UNION ALL
SELECT *, now_ms() AS read_at_ms FROM orders WHERE first_hold_id = ANY ($1::text[])

-- name: order_by_id
SELECT *, now_ms() AS read_at_ms FROM orders WHERE order_id = $1

-- name: orders_page
-- Newest first: an order id begins with its time.
SELECT *, now_ms() AS read_at_ms
FROM orders
WHERE ($1::text IS NULL OR show_id = $1)
  AND ($2::text IS NULL OR state = $2)
  AND ($3::text IS NULL OR buyer_id = $3)
  AND ($4::text IS NULL OR order_id < $4)
ORDER BY order_id DESC
LIMIT $5

-- name: orders_of_buyers
-- Buyer by buyer, so that each costs one look into the index, however many orders another one has.
SELECT theirs.*, now_ms() AS read_at_ms
FROM unnest($2::text[]) AS asked (buyer_id)
CROSS JOIN LATERAL (
    SELECT * FROM orders
    WHERE orders.buyer_id = asked.buyer_id AND orders.show_id = $1
    ORDER BY orders.order_id DESC
    LIMIT $3
) AS theirs
ORDER BY theirs.order_id DESC

-- name: open_orders
-- What a rebuilt hold book has to contain: units being paid, and units that were ever sold from the pool.
SELECT hold_id, buyer_id, quantity, CASE WHEN hold_outcome = 'sold' THEN 'sold' ELSE 'submitted' END AS status
FROM orders
WHERE pool_id = $1 AND (state IN ('submitted', 'authorised') OR hold_outcome = 'sold')

-- name: insert_tombstone
-- Whoever inserts the hold's row first decides: this end, or the order that was still on its way.
-- An order that is there and has ended is told to the hold book again.
INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency, payment_method,
                    provider, state, reason, hold_outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', '', 'cancelled', 'never_written', 'released')
ON CONFLICT (hold_id) DO UPDATE SET hold_resolved = false, resolve_at_ms = 0
    WHERE orders.hold_outcome IS NOT NULL
RETURNING order_id = $1 AS ours
