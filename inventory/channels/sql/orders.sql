-- Orders that channels sold. Time is Postgres's, as everywhere.

-- name: store_push
-- Returns the messages that are new.
INSERT INTO channel_pushes (channel_id, event_id, body, trouble)
SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::text[])
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: changed
-- Something about these orders changed: they are to be read, whatever was read of them before.
INSERT INTO channel_orders (channel_id, order_id)
SELECT $1, order_id FROM unnest($2::text[]) AS order_id ORDER BY order_id
ON CONFLICT (channel_id, order_id) DO UPDATE
    SET version = channel_orders.version + 1, due_at_ms = 0, attempts = 0

-- name: seen
-- As in a list: one whose stamp is the same has not changed since.
INSERT INTO channel_orders (channel_id, order_id, stamp)
SELECT $1, order_id, stamp FROM unnest($2::text[], $3::text[]) AS seen (order_id, stamp) ORDER BY order_id
ON CONFLICT (channel_id, order_id) DO UPDATE
    SET version = channel_orders.version + 1, due_at_ms = 0, attempts = 0, stamp = excluded.stamp
    WHERE excluded.stamp = '' OR channel_orders.stamp <> excluded.stamp

-- name: wake
SELECT pg_notify('showdrop_levels', 'work')

-- name: known_ms
SELECT coalesce(orders_known_ms, created_at_ms) AS known_ms, now_ms() AS now_ms FROM channels WHERE channel_id = $1

-- name: set_known_ms
UPDATE channels SET orders_known_ms = $2 WHERE channel_id = $1

-- name: take_due
-- The lease is a due time in the future: when the taker dies, the orders are due again by themselves.
WITH due AS (
    SELECT channel_id, order_id
    FROM channel_orders
    WHERE channel_id = $1 AND read_version < version AND due_at_ms <= (SELECT now_ms())
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
    ORDER BY due_at_ms
    LIMIT $2
    FOR UPDATE OF channel_orders SKIP LOCKED
)
UPDATE channel_orders SET due_at_ms = now_ms() + $3
FROM due
WHERE channel_orders.channel_id = due.channel_id AND channel_orders.order_id = due.order_id
RETURNING channel_orders.order_id, version, attempts

-- name: failed
-- An order that a push holds just now keeps its lease instead: nobody waits for anybody.
WITH free AS (
    SELECT order_id FROM channel_orders
    WHERE channel_id = $1 AND order_id = ANY ($2::text[]) AND read_version < version
    FOR UPDATE SKIP LOCKED
)
UPDATE channel_orders
SET attempts = attempts + 1, last_error = $3, due_at_ms = now_ms() + $4
FROM free
WHERE channel_id = $1 AND channel_orders.order_id = free.order_id

-- name: not_known
UPDATE channel_orders
SET read_version = $3, last_error = $4, state = CASE WHEN EXISTS (
    SELECT FROM channel_order_lines AS lines
    WHERE lines.channel_id = $1 AND lines.order_id = $2 AND taken > 0
) THEN state ELSE 'unknown' END
WHERE channel_id = $1 AND order_id = $2 AND read_version < $3

-- name: lock_order
SELECT channel_orders.read_version, channel_orders.state, channels.name AS channel_name, channels.created_at_ms,
       channels.cancels_oversold, channels.links_by_sku
FROM channel_orders JOIN channels USING (channel_id)
WHERE channel_id = $1 AND order_id = $2
FOR UPDATE OF channel_orders

-- name: lines_of
SELECT item_id, sku, wanted, taken, moves FROM channel_order_lines
WHERE channel_id = $1 AND order_id = $2
ORDER BY item_id

-- name: links_of
SELECT coalesce(item_id, sku) AS item_id, sku FROM channel_levels
WHERE channel_id = $1 AND item_id = ANY ($2::text[])
UNION ALL
SELECT sku, sku FROM channel_levels
WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND item_id IS NULL AND $3

-- name: shelves
-- Locked in the order of every other batch.
SELECT sku, location, on_hand - ring_fenced AS free
FROM stock WHERE sku = ANY ($1::text[])
ORDER BY sku, location
FOR UPDATE

-- name: given
SELECT movement_key, location, -on_hand_delta AS units FROM movements WHERE movement_key = ANY ($1::text[])
ORDER BY movement_id

-- name: put_lines
INSERT INTO channel_order_lines (channel_id, order_id, item_id, sku, wanted, taken, moves)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (channel_id, order_id, item_id) DO UPDATE
    SET sku = excluded.sku, wanted = excluded.wanted, taken = excluded.taken, moves = excluded.moves

-- name: put_order
UPDATE channel_orders
SET state = $3, status = $4, placed_at_ms = $5, read_version = greatest(read_version, $6), due_at_ms = 0, attempts = 0,
    last_error = $7, cancel_wanted = cancel_wanted AND $3 <> 'cancelled' OR $8
WHERE channel_id = $1 AND order_id = $2

-- name: put_state
UPDATE channel_orders SET state = $3, last_error = $4, cancel_wanted = cancel_wanted OR $5
WHERE channel_id = $1 AND order_id = $2

-- name: short
-- Orders that lack units of which there are some now, or whose item is linked now, or to another SKU than before.
SELECT DISTINCT lines.order_id
FROM channel_order_lines AS lines
CROSS JOIN LATERAL (
    SELECT CASE WHEN lines.taken > 0 THEN lines.sku ELSE coalesce(
        (SELECT sku FROM channel_levels WHERE channel_id = $1 AND item_id = lines.item_id),
        (SELECT levels.sku FROM channel_levels AS levels JOIN channels USING (channel_id)
         WHERE levels.channel_id = $1 AND levels.sku = lines.item_id AND levels.item_id IS NULL AND links_by_sku)
    ) END AS sku
) AS linked
WHERE lines.channel_id = $1 AND lines.taken < lines.wanted
  AND NOT EXISTS (SELECT FROM channel_orders WHERE channel_orders.channel_id = $1
                  AND channel_orders.order_id = lines.order_id AND cancel_wanted)
  AND (linked.sku IS DISTINCT FROM lines.sku
       OR EXISTS (SELECT FROM stock WHERE stock.sku = linked.sku AND on_hand > ring_fenced))
ORDER BY lines.order_id
LIMIT $2

-- name: take_cancel
UPDATE channel_orders SET cancel_due_ms = now_ms() + $2
WHERE (channel_id, order_id) = (
    SELECT channel_id, order_id FROM channel_orders
    WHERE channel_id = $1 AND cancel_wanted AND cancel_due_ms <= (SELECT now_ms())
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
    ORDER BY cancel_due_ms
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING order_id, attempts

-- name: cancelled
-- The order is read again: what it holds then counts, not what we asked for.
UPDATE channel_orders
SET cancel_wanted = false, version = version + 1, due_at_ms = 0, attempts = 0
WHERE channel_id = $1 AND order_id = $2

-- name: not_cancelled
UPDATE channel_orders SET cancel_wanted = false, attempts = 0, last_error = $3
WHERE channel_id = $1 AND order_id = $2

-- name: cancel_failed
UPDATE channel_orders SET attempts = attempts + 1, last_error = $3, cancel_due_ms = now_ms() + $4
WHERE channel_id = $1 AND order_id = $2

-- name: want_cancel
UPDATE channel_orders SET cancel_wanted = true, cancel_due_ms = 0
WHERE channel_id = $1 AND order_id = $2 AND state <> 'cancelled'
RETURNING true

-- name: order_state
SELECT state FROM channel_orders WHERE channel_id = $1 AND order_id = $2

-- name: page
SELECT order_id, state, status, placed_at_ms, seen_at_ms, last_error, cancel_wanted, (
    SELECT coalesce(json_agg(json_build_object('item_id', item_id, 'sku', sku, 'wanted', wanted, 'taken', taken)
                             ORDER BY item_id), '[]')
    FROM channel_order_lines AS lines
    WHERE lines.channel_id = channel_orders.channel_id AND lines.order_id = channel_orders.order_id
)::text AS lines
FROM channel_orders
WHERE channel_id = $1 AND order_id > $2 AND ($3::text IS NULL OR state = $3)
ORDER BY order_id
LIMIT $4

-- name: forget_pushes
DELETE FROM channel_pushes WHERE ctid IN (
    SELECT ctid FROM channel_pushes WHERE received_at_ms < now_ms() - $1 ORDER BY received_at_ms LIMIT $2
)
