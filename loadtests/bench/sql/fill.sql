-- A shop that has sold for years: what a benchmark fills its throw-away database with. Every block is one statement, or
-- several that need no parameters. Ids are as long as real ones and rise with time, older than any that is made today.
-- A show has ten pools of a thousand orders each, of one SKU; a pool's fates repeat every hundred orders.

-- name: begin
-- One checkpoint at the end instead of one per gigabyte of log.
ALTER SYSTEM SET max_wal_size = '64GB'

-- name: begin_patience
ALTER SYSTEM SET checkpoint_timeout = '1h'

-- name: end
ALTER SYSTEM RESET max_wal_size

-- name: end_patience
ALTER SYSTEM RESET checkpoint_timeout

-- name: reload
SELECT pg_reload_conf()

-- name: session
-- Keys into other tables are not looked up for each row: they are made to fit. Everything else is checked.
SELECT set_config('session_replication_role', 'replica', false), set_config('maintenance_work_mem', '1GB', false),
       set_config('synchronous_commit', 'off', false)

-- name: put_off_indexes
-- Those that every row is in and that would be written in no order; they are made anew when all rows are there.
DO $$
DECLARE
    one record;
BEGIN
    CREATE TABLE IF NOT EXISTS filled_indexes (place int, command text);
    FOR one IN
        SELECT indrelid::regclass AS in_table, indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS made_by,
               conname, pg_get_constraintdef(pg_constraint.oid) AS made_as
        FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND conrelid = indrelid
        WHERE indrelid IN ('orders'::regclass, 'movements'::regclass) AND NOT indisprimary AND indpred IS NULL
    LOOP
        IF one.conname IS NULL THEN
            INSERT INTO filled_indexes VALUES (1, one.made_by);
            EXECUTE format('DROP INDEX %s', one.name);
        ELSE
            INSERT INTO filled_indexes
            VALUES (0, format('ALTER TABLE %s ADD CONSTRAINT %I %s', one.in_table, one.conname, one.made_as));
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.in_table, one.conname);
        END IF;
    END LOOP;
END $$

-- name: make_index
-- Makes one of those that were put off.
DO $$
DECLARE
    one text;
BEGIN
    DELETE FROM filled_indexes
    WHERE ctid = (SELECT ctid FROM filled_indexes ORDER BY place LIMIT 1)
    RETURNING command INTO one;
    EXECUTE one;
END $$

-- name: indexes_left
SELECT count(*) FROM filled_indexes

-- name: forget_indexes
DROP TABLE filled_indexes

-- name: products
INSERT INTO products (product_id, product_key, title)
SELECT 'prod_00' || lpad(n::text, 24, '0'), 'FILL-' || lpad(n::text, 4, '0'), 'Filled product ' || n
FROM generate_series(1, 100) AS n

-- name: variants
INSERT INTO variants (sku, product_id, price_amount, price_currency)
SELECT product_key, product_id, 1000, 'EUR' FROM products WHERE product_key LIKE 'FILL-%%'

-- name: stock
INSERT INTO stock (sku, on_hand) SELECT sku, 0 FROM variants WHERE sku LIKE 'FILL-%%'

-- name: shows
INSERT INTO shows (show_id, title, currency, state, started_at_ms, ended_at_ms, created_at_ms)
SELECT 'show_00' || lpad(n::text, 24, '0'), 'Filled show ' || n, 'EUR', 'ended', begun, begun + 3600000, begun
FROM (
    SELECT n, now_ms() - 63072000000 + n * 63000000000 / (%(shows)s::bigint + 1) AS begun
    FROM generate_series(1, %(shows)s::bigint) AS n
) AS given

-- name: pools
INSERT INTO pools (pool_id, sku, allocated, sold, returned, state, starts_at_ms, ends_at_ms, created_at_ms)
SELECT 'offer_00' || lpad(n::text, 24, '0'), 'FILL-' || lpad((1 + n %% 100)::text, 4, '0'), 1000, 0, 0, 'closed',
       shows.created_at_ms, shows.created_at_ms + 3600000, shows.created_at_ms
FROM generate_series(1, %(pools)s::bigint) AS n
JOIN shows ON show_id = 'show_00' || lpad(((n - 1) / 10 + 1)::text, 24, '0')

-- name: offers
INSERT INTO offers (offer_id, show_id, product_id, title, price_amount, price_currency, announced_at_ms, state)
SELECT 'offer_00' || lpad(n::text, 24, '0'), 'show_00' || lpad(((n - 1) / 10 + 1)::text, 24, '0'),
       'prod_00' || lpad((1 + n %% 100)::text, 24, '0'), 'Filled offer ' || n, 500 + 100 * (n %% 50), 'EUR',
       created_at_ms, 'ended'
FROM generate_series(1, %(pools)s::bigint) AS n
JOIN pools ON pool_id = 'offer_00' || lpad(n::text, 24, '0')

-- name: orders
-- Of a hundred orders 94 are captured, 3 refunded, 2 declined, 1 was cancelled before it was paid.
INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency, payment_method,
                    provider, state, reason, payment_id, authorised, captured, refunded, hold_outcome, hold_resolved,
                    resolve_at_ms, attempts, due_at_ms, created_at_ms, updated_at_ms, confirmed_at_ms)
SELECT 'order_00' || number || substr(digest, 1, 16),
       'hold_00' || number || pool_number || substr(digest, 17, 8),
       'offer_00' || lpad(pool::text, 24, '0'), 'show_00' || lpad(show::text, 24, '0'),
       'customer-' || lpad((n * 7919 %% 1000003)::text, 7, '0'),
       'FILL-' || lpad((1 + pool %% 100)::text, 4, '0'),
       1, amount, 'EUR', 'pm_card_visa', 'stripe',
       CASE WHEN fate < 94 THEN 'captured' WHEN fate < 97 THEN 'refunded' WHEN fate < 99 THEN 'declined'
            ELSE 'cancelled' END,
       CASE WHEN fate < 97 THEN NULL WHEN fate < 99 THEN 'card_declined' ELSE 'asked_by_buyer' END,
       CASE WHEN fate < 99 THEN 'pi_' || substr(digest, 9, 24) END,
       CASE WHEN fate < 97 THEN amount ELSE 0 END,
       CASE WHEN fate < 97 THEN amount ELSE 0 END,
       CASE WHEN fate BETWEEN 94 AND 96 THEN amount ELSE 0 END,
       CASE WHEN fate < 97 THEN 'sold' ELSE 'released' END, true,
       at_ms + 5000, 1, at_ms + 30000, at_ms, at_ms + 2000,
       CASE WHEN fate < 97 THEN at_ms + 1000 END
FROM (
    SELECT n, n %% 100 AS fate, (n - 1) / 1000 + 1 AS pool, (n - 1) / 10000 + 1 AS show, lpad(n::text, 8, '0') AS number,
           lpad(((n - 1) / 1000 + 1)::text, 8, '0') AS pool_number, upper(md5(n::text)) AS digest,
           500 + 100 * (((n - 1) / 1000 + 1) %% 50) AS amount,
           (SELECT now_ms()) - 63072000000 + n * 63000000000 / (%(orders)s::bigint + 1) AS at_ms
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS given

-- name: refunds
INSERT INTO refunds (refund_id, order_id, amount, reason, restock, end_state, state, created_at_ms, done_at_ms)
SELECT 'refund_' || substr(order_id, 7), order_id, amount, 'returned', false, 'refunded', 'done',
       updated_at_ms, updated_at_ms
FROM orders
WHERE state = 'refunded' AND order_id LIKE 'order_00%%'

-- name: sales
INSERT INTO movements (movement_key, kind, sku, on_hand_delta, ring_fenced_delta, pool_id, order_id, at_ms)
SELECT 'sale:' || order_id, 'sale', sku, -quantity, -quantity, pool_id, order_id, confirmed_at_ms
FROM orders
WHERE hold_outcome = 'sold' AND order_id BETWEEN 'order_00' || lpad(%(first)s::text, 8, '0')
                                             AND 'order_00' || lpad(%(last)s::text, 8, '0') || 'Z'

-- name: sold
-- What the orders say: 97 of a hundred.
UPDATE pools SET sold = ordered.units, returned = allocated - ordered.units
FROM (SELECT pool_id, count(*) AS units FROM orders WHERE hold_outcome = 'sold' GROUP BY pool_id) AS ordered
WHERE pools.pool_id = ordered.pool_id AND pools.pool_id LIKE 'offer_00%%'

-- name: allocations
INSERT INTO movements (movement_key, kind, sku, on_hand_delta, ring_fenced_delta, pool_id)
SELECT 'allocate:' || pool_id, 'allocate', sku, 0, allocated, pool_id FROM pools WHERE pool_id LIKE 'offer_00%%'
UNION ALL
SELECT 'return:' || pool_id || ':0', 'return', sku, 0, -returned, pool_id FROM pools
WHERE pool_id LIKE 'offer_00%%' AND returned > 0

-- name: receipts
INSERT INTO movements (movement_key, kind, sku, on_hand_delta, ring_fenced_delta, reason)
SELECT 'receive:' || sku, 'receive', sku, sum(allocated), 0, 'benchmark' FROM pools
WHERE pool_id LIKE 'offer_00%%'
GROUP BY sku

-- name: on_hand
UPDATE stock SET on_hand = summed.returned
FROM (SELECT sku, sum(returned) AS returned FROM pools WHERE pool_id LIKE 'offer_00%%' GROUP BY sku) AS summed
WHERE stock.sku = summed.sku

-- name: tidy
VACUUM (ANALYZE, PARALLEL 2) orders, movements, refunds, pools, offers, shows, stock

-- name: checkpoint
CHECKPOINT
