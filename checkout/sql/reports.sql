-- What a show brought, from the rows themselves.

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
       coalesce(sum(refunded), 0)::bigint AS refunded
FROM orders
WHERE show_id = $1 AND hold_outcome = 'sold'
