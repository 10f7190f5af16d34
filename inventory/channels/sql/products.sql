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
SELECT pg_notify('showdrop_levels', 'work')

-- name: take_due
-- The lease is a due time in the future: when the taker dies, the products are due again by themselves.
WITH due AS (
    SELECT channel_id, product_id
    FROM channel_products
    WHERE channel_id = $1 AND told_version < version AND due_at_ms <= (SELECT now_ms())
      AND EXISTS (SELECT FROM channels WHERE channels.channel_id = $1 AND state = 'active')
      AND EXISTS (SELECT FROM variants WHERE variants.product_id = channel_products.product_id)
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

-- Rows that an import holds just now are left out, never waited for. All three return the products that were written.

-- name: present
SELECT product_id FROM channel_products WHERE channel_id = $1 AND product_id = ANY ($2::text[])

-- name: listed
WITH given AS (
    SELECT * FROM unnest($2::text[], $3::text[]) AS given (product_id, listing)
), free AS (
    SELECT channel_products.product_id, given.listing
    FROM channel_products JOIN given USING (product_id)
    WHERE channel_id = $1
    FOR UPDATE OF channel_products SKIP LOCKED
)
UPDATE channel_products SET listing = free.listing FROM free
WHERE channel_id = $1 AND channel_products.product_id = free.product_id
RETURNING channel_products.product_id

-- name: told
WITH given AS (
    SELECT * FROM unnest($2::text[], $3::bigint[]) AS given (product_id, version)
), free AS (
    SELECT channel_products.product_id, given.version
    FROM channel_products JOIN given USING (product_id)
    WHERE channel_id = $1
    FOR UPDATE OF channel_products SKIP LOCKED
)
UPDATE channel_products
SET told_version = greatest(told_version, free.version), told_at_ms = now_ms(), attempts = 0, due_at_ms = 0,
    last_error = NULL
FROM free
WHERE channel_id = $1 AND channel_products.product_id = free.product_id
RETURNING channel_products.product_id

-- name: failed
WITH given AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[]) AS given (product_id, reason, delay_ms)
), free AS (
    SELECT channel_products.product_id, given.reason, given.delay_ms
    FROM channel_products JOIN given USING (product_id)
    WHERE channel_id = $1
    FOR UPDATE OF channel_products SKIP LOCKED
)
UPDATE channel_products
SET attempts = attempts + 1, last_error = free.reason, due_at_ms = (SELECT now_ms()) + free.delay_ms
FROM free
WHERE channel_id = $1 AND channel_products.product_id = free.product_id
RETURNING channel_products.product_id

-- name: page
SELECT channel_products.product_id, title, listing, told_version = version AS in_step, told_at_ms, last_error
FROM channel_products JOIN products USING (product_id)
WHERE channel_id = $1 AND channel_products.product_id > $2
ORDER BY channel_products.product_id
LIMIT $3
