-- The catalogue: reading it.

-- name: products_page
SELECT product_id, title, image
FROM products
WHERE product_id > $1
ORDER BY product_id
LIMIT $2

-- name: products_found
SELECT product_id, title, image
FROM products
WHERE product_id > $1
  AND (title ILIKE $3 OR product_key ILIKE $3
       OR EXISTS (SELECT FROM variants WHERE variants.product_id = products.product_id AND sku ILIKE $3))
ORDER BY product_id
LIMIT $2

-- name: variants_of
SELECT variants.product_id, variants.sku, variants.title, price_amount, price_currency,
       coalesce(sum(on_hand), 0)::bigint AS on_hand, coalesce(sum(on_hand - ring_fenced), 0)::bigint AS available
FROM variants LEFT JOIN stock USING (sku)
WHERE variants.product_id = ANY ($1::text[])
GROUP BY variants.sku
ORDER BY variants.product_id, variants.sku

-- name: products_by_id
SELECT product_id, title, image FROM products WHERE product_id = ANY ($1::text[])

-- name: variant
SELECT sku, product_id, products.title AS product_title, variants.title, image, price_amount, price_currency
FROM variants JOIN products USING (product_id)
WHERE sku = $1
