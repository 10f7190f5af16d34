-- What the benchmarks of channels write and read; only ever run on their own throw-away database.

-- name: clock_10_times
CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000 * 10)::bigint $$

-- name: clock_60_times
CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000 * 60)::bigint $$

-- name: clock_as_it_is
CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$

-- name: products
INSERT INTO products (product_id, product_key, title) SELECT name, name, 'Bench' FROM unnest($1::text[]) AS name

-- name: variants
INSERT INTO variants (sku, product_id, price_amount, price_currency)
SELECT sku, product_id, 1000, 'EUR' FROM unnest($1::text[], $2::text[]) AS made (sku, product_id)

-- name: stock
INSERT INTO stock (sku) SELECT * FROM unnest($1::text[])

-- name: in_step
-- As if every channel had been told all levels already: the fakes show them from the beginning.
UPDATE channel_levels SET told = desired, told_version = version, told_at_ms = now_ms(), due_at_ms = 0

-- name: tidy
VACUUM ANALYZE channel_levels, channels, stock, movements

-- name: is_led
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
                                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))

-- name: behind
SELECT count(*) FROM channel_levels WHERE channel_id = ANY ($1::text[]) AND told_version < version

-- name: ledger
-- What there is, by the movements themselves: no counter and no level that is kept of them is asked.
SELECT sku, sum(on_hand_delta - ring_fenced_delta)::bigint AS units FROM movements GROUP BY sku
