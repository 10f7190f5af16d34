-- depends: checkout-0006
-- Lists of orders of a SKU or in a rare state, however many other orders there are (decision 0027).
--
-- Nobody can write orders while these are built: about four seconds per million. With many millions of orders create
-- both by hand before, under these names and CONCURRENTLY; then nothing waits.

-- In the place of orders_of_pool: as many entries per order, each longer by the order's id.
CREATE INDEX IF NOT EXISTS orders_by_pool ON orders (pool_id, order_id);
DROP INDEX orders_of_pool;

-- What is written for an order that brings its money, is written without it.
CREATE INDEX IF NOT EXISTS orders_in_rare_state ON orders (state, order_id)
    WHERE state IN ('declined', 'cancelled', 'unfulfillable', 'refunded');
