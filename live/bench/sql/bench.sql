-- What the settling benchmark writes before it begins; only ever run on its own throw-away database.

-- name: product
INSERT INTO products (product_id, product_key, title) VALUES ($1, $1, 'Bench')

-- name: variant
INSERT INTO variants (sku, product_id, price_amount, price_currency) VALUES ($1, $2, 1000, 'EUR')

-- name: stock
INSERT INTO stock (sku) VALUES ($1)

-- name: pool
INSERT INTO pools (pool_id, sku, allocated) VALUES ($1, $2, $3)

-- name: authorise_all
UPDATE orders SET state = 'authorised', payment_id = 'pay_' || order_id, authorised = amount WHERE pool_id = $1

-- name: sold
SELECT sold FROM pools WHERE pool_id = $1

-- name: tidy
-- The dead rows of a round must not slow the next one down.
VACUUM ANALYZE orders, pools, stock, movements, outbox

-- name: durability
SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')
