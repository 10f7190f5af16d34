-- Product feeds: what a platform fetches.

-- name: feed
SELECT settings::text, state = 'active' AS active FROM channels WHERE channel_id = $1 AND kind = ANY($2::text[])

-- name: page
-- First the few variants of the page, then a look-up for each: the limits of one row keep the planner from sorting or
-- hashing whole tables for a page, whatever it believes about their size.
SELECT page.sku, page.product_id, product_key, product.title AS product_title, page.title AS variant_title, description,
       image, vendor, price_amount, price_currency, coalesce(own.desired, 0) AS level
FROM (
    SELECT sku, product_id, title, price_amount, price_currency FROM variants WHERE sku > $2 ORDER BY sku LIMIT $3
) AS page
CROSS JOIN LATERAL (
    SELECT product_key, title, description, image, vendor FROM products WHERE product_id = page.product_id LIMIT 1
) AS product
LEFT JOIN LATERAL (
    SELECT desired FROM channel_levels WHERE channel_id = $1 AND sku = page.sku LIMIT 1
) AS own ON true
ORDER BY page.sku
