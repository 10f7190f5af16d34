-- What a show brought, from the rows themselves. All of it is read in one snapshot.

-- name: show_head
SELECT currency, peak_viewers FROM shows WHERE show_id = $1

-- name: claim_counts
SELECT result, claims FROM claim_counts WHERE show_id = $1

-- name: show_sales
-- An order counts as sold from its confirmation on, also when its money went back later.
SELECT count(*) AS orders,
       coalesce(sum(quantity), 0)::bigint AS units,
       coalesce(sum(amount), 0)::bigint AS gmv,
       count(DISTINCT buyer_id) AS buyers,
       coalesce(sum(refunded), 0)::bigint AS refunded,
       coalesce(sum(returned_quantity), 0)::bigint AS refunded_units
FROM orders
WHERE show_id = $1 AND hold_outcome = 'sold'

-- name: show_offers
-- An offer is of one SKU.
SELECT sold.*, coalesce(offers.title, '') AS title
FROM (
    SELECT pool_id AS offer_id, sku, count(*) AS orders, sum(quantity)::bigint AS units, sum(amount)::bigint AS gmv,
           sum(refunded)::bigint AS refunded, sum(returned_quantity)::bigint AS refunded_units
    FROM orders
    WHERE show_id = $1 AND hold_outcome = 'sold'
    GROUP BY pool_id, sku
    ORDER BY sum(amount) DESC, pool_id
    LIMIT $2
) AS sold
LEFT JOIN offers USING (offer_id)
ORDER BY gmv DESC, offer_id

-- name: show_methods
-- Without the detail behind the colon, which is of one buyer. An order that was never written has no provider.
SELECT provider, split_part(payment_method, ':', 1) AS payment_method, count(*) AS orders,
       count(*) FILTER (WHERE hold_outcome = 'sold') AS confirmed,
       count(*) FILTER (WHERE state = 'declined') AS declined,
       coalesce(sum(amount) FILTER (WHERE hold_outcome = 'sold'), 0)::bigint AS gmv
FROM orders
WHERE show_id = $1 AND provider <> ''
GROUP BY 1, 2
ORDER BY orders DESC, provider, payment_method
LIMIT $2

-- name: show_declines
SELECT coalesce(reason, 'unknown') AS reason, count(*) AS orders
FROM orders
WHERE show_id = $1 AND state = 'declined'
GROUP BY 1
ORDER BY orders DESC, reason
LIMIT $2

-- name: show_states
SELECT state, count(*) AS orders FROM orders WHERE show_id = $1 GROUP BY state ORDER BY state
