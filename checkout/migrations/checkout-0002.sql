-- depends: checkout-0001
-- What a buyer has to do for a payment, orders that get their units late, and news for merchants' webhooks.

-- JSON of PaymentAction while the buyer has to act; the code of before leaves it alone.
ALTER TABLE orders ADD COLUMN next_action jsonb;
-- The hold that the order was submitted with, when it got its units from another one afterwards.
ALTER TABLE orders ADD COLUMN first_hold_id text;
CREATE UNIQUE INDEX orders_first_hold ON orders (first_hold_id) WHERE first_hold_id IS NOT NULL;

-- An event that nobody signed leads to its order, and to the payment's id when the answer that had it was lost.
ALTER TABLE payment_events ADD COLUMN order_id text;
CREATE INDEX payment_events_of_order ON payment_events (order_id, received_at_ms DESC) WHERE order_id IS NOT NULL;

-- What may have changed of the order since the news was written. News that only merchants hear is done from the start.
-- The code of before tells merchants nothing.
ALTER TABLE outbox
    ADD COLUMN state text,
    ADD COLUMN refunded bigint,
    ADD COLUMN action jsonb,
    ADD COLUMN hooked boolean NOT NULL DEFAULT true;  -- whether merchants' webhooks have it
CREATE INDEX outbox_unhooked ON outbox (outbox_id) WHERE NOT hooked;
