-- Orders and their lines, for people and for spreadsheets.

-- name: limit_statement
-- For the caller's transaction only: an export runs longer than any other statement.
SELECT set_config('statement_timeout', $1, true)

-- name: orders_csv
-- Newest first, as in the pages. The names are the header. Columns are only ever added, at the end.
SELECT order_id, hold_id, pool_id AS offer_id, show_id, csv_cell(buyer_id) AS buyer_id, csv_cell(sku) AS sku,
       quantity, amount, currency, refunded, state, csv_cell(reason) AS reason,
       csv_cell(split_part(payment_method, ':', 1)) AS payment_method, created_at_ms,
       to_char(to_timestamp(created_at_ms / 1000.0::double precision) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"') AS created_at,
       confirmed_at_ms, returned_quantity
FROM orders
WHERE ($1::text IS NULL OR show_id = $1)
  AND ($2::text IS NULL OR state = $2)
  AND ($3::text IS NULL OR orders.buyer_id = $3)
  AND ($4::text IS NULL OR order_id < $4)
ORDER BY order_id DESC
LIMIT $5::bigint

-- name: lines_page
-- An order has one line today, so its number is 1 and the order's figures are the line's.
SELECT orders.order_id, 1 AS line, orders.show_id, orders.pool_id AS offer_id, orders.buyer_id AS buyer_id,
       orders.sku AS sku, coalesce(offers.title, '') AS title, orders.quantity, orders.amount / orders.quantity AS unit_price,
       orders.amount, orders.currency, orders.returned_quantity AS refunded_quantity, orders.refunded, orders.state,
       orders.confirmed_at_ms
FROM orders LEFT JOIN offers ON offers.offer_id = orders.pool_id
WHERE ($1::text IS NULL OR orders.show_id = $1)
  AND ($2::text IS NULL OR orders.state = $2)
  AND ($3::text IS NULL OR orders.order_id < $3)
ORDER BY orders.order_id DESC
LIMIT $4::bigint

-- name: lines_of_sku_page
-- The same of one SKU, offer by offer, for an offer sells one SKU: each costs one look into the index, however many
-- others were sold since.
SELECT theirs.order_id, 1 AS line, theirs.show_id, theirs.pool_id AS offer_id, theirs.buyer_id AS buyer_id,
       theirs.sku AS sku, coalesce(offers.title, '') AS title, theirs.quantity, theirs.amount / theirs.quantity AS unit_price,
       theirs.amount, theirs.currency, theirs.returned_quantity AS refunded_quantity, theirs.refunded, theirs.state,
       theirs.confirmed_at_ms
FROM pools LEFT JOIN offers ON offers.offer_id = pools.pool_id
CROSS JOIN LATERAL (
    SELECT * FROM orders
    WHERE orders.pool_id = pools.pool_id
      AND ($1::text IS NULL OR orders.show_id = $1)
      AND ($2::text IS NULL OR orders.state = $2)
      AND ($3::text IS NULL OR orders.order_id < $3)
    ORDER BY orders.order_id DESC
    LIMIT $4::bigint
) AS theirs
WHERE pools.sku = $5 AND ($1::text IS NULL OR offers.show_id IS NULL OR offers.show_id = $1)
ORDER BY theirs.order_id DESC
LIMIT $4::bigint

-- name: lines_csv
-- The same as lines_page and lines_of_sku_page, one column per figure; amounts are minor units of the currency.
SELECT orders.order_id, 1 AS line, orders.show_id, orders.pool_id AS offer_id, csv_cell(orders.buyer_id) AS buyer_id,
       csv_cell(orders.sku) AS sku, csv_cell(offers.title) AS title, orders.quantity, orders.amount / orders.quantity AS unit_price,
       orders.amount, orders.currency, orders.returned_quantity AS refunded_quantity, orders.refunded, orders.state,
       orders.confirmed_at_ms
FROM orders LEFT JOIN offers ON offers.offer_id = orders.pool_id
WHERE ($1::text IS NULL OR orders.show_id = $1)
  AND ($2::text IS NULL OR orders.state = $2)
  AND ($3::text IS NULL OR orders.sku = $3)
  AND ($4::text IS NULL OR orders.order_id < $4)
ORDER BY orders.order_id DESC
LIMIT $5::bigint
