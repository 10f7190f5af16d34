-- The catalogue as channels are told it.

-- name: publish
-- $2 NULL: every product. What is published already is told again.
INSERT INTO channel_products (channel_id, product_id)
SELECT $1, product_id FROM products
WHERE ($2::text[] IS NULL OR product_id = ANY ($2)) AND EXISTS (SELECT FROM variants WHERE variants.product_id = products.product_id)
ORDER BY product_id
ON CONFLICT (channel_id, product_id) DO UPDATE
    SET version = channel_products.version + 1, due_at_ms = 0, attempts = 0

-- name: unknown_products
SELECT asked.product_id FROM unnest($1::text[]) AS asked (product_id)
WHERE NOT EXISTS (SELECT FROM variants WHERE variants.product_id = asked.product_id)

-- name: withdraw
DELETE FROM channel_products WHERE channel_id = $1 AND product_id = ANY ($2::text[])

-- name: wake
SELECT pg_notify('showdrop_levels', '')

-- name: take_due
-- The lease is a due time in the future: when the taker dies, the products are due again by themselves.
WITH due AS (
    SELECT channel_id, product_id
    FROM channel_products
    WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms())
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
    ORDER BY due_at_ms, product_id
    LIMIT $2
    FOR UPDATE OF channel_products SKIP LOCKED
), counted AS (
    -- As many whole products as their variants fit into one call, one at least.
    SELECT product_id, sum(variants) OVER (ORDER BY product_id) - variants AS before, variants
    FROM (SELECT due.product_id, count(*) AS variants FROM due JOIN variants USING (product_id) GROUP BY 1) AS sized
)
UPDATE channel_products SET due_at_ms = now_ms() + $4
FROM counted
WHERE channel_products.channel_id = $1 AND channel_products.product_id = counted.product_id
  AND (before = 0 OR before + variants <= $3)
RETURNING channel_products.product_id, version, attempts, listing

-- name: products
SELECT product_id, product_key, title, description, image, vendor FROM products WHERE product_id = ANY ($1::text[])

-- name: variants
SELECT variants.product_id, variants.sku, variants.title, price_amount, price_currency, coalesce(own.desired, 0) AS level,
       own.item_id
FROM variants
LEFT JOIN channel_levels AS own ON own.channel_id = $1 AND own.sku = variants.sku
WHERE variants.product_id = ANY ($2::text[])
ORDER BY variants.product_id, variants.created_at_ms, variants.sku

-- name: told
UPDATE channel_products
SET told_version = greatest(told_version, told.version), told_at_ms = now_ms(), listing = told.listing, attempts = 0,
    due_at_ms = 0, last_error = NULL
FROM unnest($2::text[], $3::bigint[], $4::text[]) AS told (product_id, version, listing)
WHERE channel_id = $1 AND channel_products.product_id = told.product_id

-- name: failed
UPDATE channel_products
SET attempts = attempts + 1, last_error = failed.reason, due_at_ms = now_ms() + failed.delay_ms
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS failed (product_id, reason, delay_ms)
WHERE channel_id = $1 AND channel_products.product_id = failed.product_id

-- name: page
SELECT channel_products.product_id, title, listing, told_version = version AS in_step, told_at_ms, last_error
FROM channel_products JOIN products USING (product_id)
WHERE channel_id = $1 AND channel_products.product_id > $2
ORDER BY channel_products.product_id
LIMIT $3
