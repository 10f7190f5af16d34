-- Importing a catalogue file: the steps, all in one transaction, in the order of this file.

-- name: import_timeouts
-- Staging and judging 250,000 variants takes longer than any other statement of ours.
SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)

-- name: stage_products
CREATE TEMP TABLE import_products (
    line        integer NOT NULL,
    product_key text NOT NULL,
    product_id  text NOT NULL,
    title       text NOT NULL,
    description text NOT NULL,
    image       text,
    vendor      text NOT NULL
) ON COMMIT DROP

-- name: stage_variants
CREATE TEMP TABLE import_variants (
    line           integer NOT NULL,
    product_key    text NOT NULL,
    sku            text NOT NULL,
    title          text NOT NULL,
    price_amount   bigint NOT NULL,
    price_currency text NOT NULL,
    quantity       bigint  -- NULL: the file does not say, so stock is left alone
) ON COMMIT DROP

-- name: measure_staged
-- Temporary tables are never analysed by themselves, and a guess of a few rows makes nested loops of the joins below.
ANALYZE import_products, import_variants

-- name: lock_bulk
-- One import or one re-levelling of a channel at a time. Taken after staging, which may last as long as it likes.
SELECT pg_advisory_xact_lock($1)

-- name: lock_moving_stock
-- In SKU order, as everywhere. From here on nobody else moves the stock that this import will move.
SELECT count(*) FROM (
    SELECT 1
    FROM stock JOIN variants USING (sku) JOIN import_variants AS staged USING (sku)
    WHERE staged.quantity <> variants.imported_quantity AND stock.location = $1
    ORDER BY stock.sku
    FOR UPDATE OF stock
) AS locked

-- name: judge_products
-- A later line of a product says at least what an earlier one said.
CREATE TEMP TABLE import_judged_products ON COMMIT DROP AS
SELECT newest.product_key, coalesce(products.product_id, newest.product_id) AS product_id,
       newest.title, newest.description, newest.image, newest.vendor,
       (products.title, products.description, products.image, products.vendor)
           IS DISTINCT FROM (newest.title, newest.description, newest.image, newest.vendor) AS differs
FROM (SELECT DISTINCT ON (product_key) * FROM import_products ORDER BY product_key, line DESC) AS newest
LEFT JOIN products USING (product_key)

-- name: judge_variants
CREATE TEMP TABLE import_judged ON COMMIT DROP AS
SELECT staged.line, staged.sku, staged.product_key, judged.product_id, owner.product_key AS owner_key,
       stock.on_hand, stock.ring_fenced,
       staged.quantity IS NULL AS without_quantity,
       coalesce(staged.quantity, variants.imported_quantity, 0) AS quantity,
       coalesce(staged.quantity - coalesce(variants.imported_quantity, 0), 0) AS delta,
       CASE
           WHEN variants.product_id <> judged.product_id THEN 'other_product'
           WHEN stock.on_hand + staged.quantity - variants.imported_quantity < stock.ring_fenced THEN 'ring_fenced'
           WHEN variants.sku IS NULL THEN 'created'
           WHEN judged.differs
               OR (variants.title, variants.price_amount, variants.price_currency, variants.imported_quantity)
                   IS DISTINCT FROM (staged.title, staged.price_amount, staged.price_currency,
                                     coalesce(staged.quantity, variants.imported_quantity))
               THEN 'updated'
           ELSE 'unchanged'
       END AS verdict
FROM import_variants AS staged
JOIN import_judged_products AS judged USING (product_key)
LEFT JOIN variants USING (sku)
LEFT JOIN products AS owner ON owner.product_id = variants.product_id
LEFT JOIN stock ON stock.sku = staged.sku AND stock.location = $1 AND staged.quantity <> variants.imported_quantity

-- name: measure_judged
ANALYZE import_judged_products, import_judged

-- name: put_products
-- A product of which every variant was refused is left as it is.
INSERT INTO products (product_id, product_key, title, description, image, vendor)
SELECT product_id, product_key, title, description, image, vendor
FROM import_judged_products AS judged
WHERE differs
  AND EXISTS (SELECT FROM import_judged
              WHERE import_judged.product_key = judged.product_key AND verdict IN ('created', 'updated'))
ON CONFLICT (product_key) DO UPDATE
    SET title = excluded.title, description = excluded.description, image = excluded.image, vendor = excluded.vendor,
        updated_at_ms = now_ms()

-- name: put_variants
INSERT INTO variants (sku, product_id, title, price_amount, price_currency, imported_quantity)
SELECT sku, judged.product_id, staged.title, staged.price_amount, staged.price_currency, judged.quantity
FROM import_judged AS judged JOIN import_variants AS staged USING (sku)
WHERE verdict IN ('created', 'updated')
ON CONFLICT (sku) DO UPDATE
    SET title = excluded.title, price_amount = excluded.price_amount, price_currency = excluded.price_currency,
        imported_quantity = excluded.imported_quantity, updated_at_ms = now_ms()

-- name: put_stock
INSERT INTO stock (sku, location) SELECT sku, $1 FROM import_judged WHERE verdict = 'created'

-- name: put_levels
-- Movements level what they move; a new SKU with no units moves nothing, and a channel must show 0 for it all the same.
INSERT INTO channel_levels (channel_id, sku, desired, call_group)
SELECT channel_id, sku, 0, CASE WHEN links_by_sku THEN '' END FROM import_judged CROSS JOIN channels WHERE verdict = 'created' AND delta = 0

-- name: moving
SELECT sku, delta FROM import_judged WHERE delta <> 0 AND verdict IN ('created', 'updated') ORDER BY sku

-- name: import_counts
SELECT verdict, count(*) AS variants,
       count(*) FILTER (WHERE without_quantity AND verdict IN ('created', 'updated', 'unchanged')) AS without_quantity
FROM import_judged
GROUP BY verdict

-- name: import_refused
SELECT line, sku, verdict, owner_key, delta, on_hand, ring_fenced
FROM import_judged
WHERE verdict IN ('other_product', 'ring_fenced')
ORDER BY line
LIMIT $1
