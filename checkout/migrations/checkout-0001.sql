-- depends: inventory-0001
-- Orders, payments and the outbox.

CREATE TABLE orders (
    order_id        text PRIMARY KEY,
    hold_id         text NOT NULL UNIQUE,        -- a hold gives at most one order
    pool_id         text NOT NULL REFERENCES pools,
    show_id         text NOT NULL,
    buyer_id        text NOT NULL,
    sku             text NOT NULL,
    quantity        bigint NOT NULL CHECK (quantity > 0),
    amount          bigint NOT NULL CHECK (amount >= 0),
    currency        text NOT NULL,
    payment_method  text NOT NULL,
    provider        text NOT NULL,
    shipping        jsonb,
    state           text NOT NULL DEFAULT 'submitted' CHECK (state IN (
                        'submitted', 'authorised', 'confirmed', 'captured',
                        'declined', 'cancelled', 'unfulfillable', 'refunded')),
    reason          text,                        -- why it was declined, cancelled or is unfulfillable
    payment_id      text UNIQUE,                 -- the provider's id; a payment belongs to at most one order
    authorised      bigint NOT NULL DEFAULT 0,   -- minor units the provider has reserved or charged
    captured        bigint NOT NULL DEFAULT 0,   -- minor units taken
    refunded        bigint NOT NULL DEFAULT 0,   -- minor units given back
    refund_reserved bigint NOT NULL DEFAULT 0,   -- minor units of refunds under way, so that two never exceed the capture
    hold_outcome    text CHECK (hold_outcome IN ('sold', 'released')),  -- what the hold book still has to be told
    hold_resolved   boolean NOT NULL DEFAULT false,
    resolve_at_ms   bigint NOT NULL DEFAULT 0,   -- the lease of telling the hold book, apart from the payment's
    payment_open    boolean NOT NULL DEFAULT false,  -- the provider was asked and its last word is not known
    attempts        integer NOT NULL DEFAULT 0,  -- of what the order waits for in its present state
    due_at_ms       bigint NOT NULL DEFAULT 0,   -- when a worker may take it (again); also the lease
    created_at_ms   bigint NOT NULL DEFAULT now_ms(),
    updated_at_ms   bigint NOT NULL DEFAULT now_ms(),
    confirmed_at_ms bigint,
    CHECK (captured <= authorised),
    CHECK (refunded + refund_reserved <= captured)
) WITH (fillfactor = 60);
-- Each stage of the worker takes its own rows by due time; finished orders are in none of these indexes.
CREATE INDEX orders_to_authorise ON orders (due_at_ms, order_id) WHERE state = 'submitted';
CREATE INDEX orders_to_settle ON orders (created_at_ms, order_id) WHERE state = 'authorised';
CREATE INDEX orders_to_capture ON orders (due_at_ms, order_id) WHERE state = 'confirmed';
CREATE INDEX orders_to_give_back ON orders (due_at_ms, order_id)
    WHERE state IN ('declined', 'cancelled', 'unfulfillable') AND (authorised > refunded + refund_reserved OR payment_open);
CREATE INDEX orders_to_resolve ON orders (resolve_at_ms, order_id)
    WHERE hold_outcome IS NOT NULL AND NOT hold_resolved;
CREATE INDEX orders_by_show ON orders (show_id, order_id DESC);
CREATE INDEX orders_by_buyer ON orders (buyer_id, show_id, order_id DESC);
CREATE INDEX orders_of_pool ON orders (pool_id)
    WHERE state IN ('submitted', 'authorised') OR hold_outcome = 'sold';

CREATE TABLE refunds (
    refund_id     text PRIMARY KEY,
    order_id      text NOT NULL REFERENCES orders,
    amount        bigint NOT NULL CHECK (amount > 0),
    reason        text NOT NULL,
    restock       boolean NOT NULL,
    end_state     text NOT NULL                  -- what the order becomes when all its money is back
                      CHECK (end_state IN ('refunded', 'declined', 'cancelled', 'unfulfillable')),
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    attempts      integer NOT NULL DEFAULT 0,
    due_at_ms     bigint NOT NULL DEFAULT 0,
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    done_at_ms    bigint
);
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE INDEX refunds_due ON refunds (due_at_ms) WHERE state = 'pending';

-- A provider's event is applied at most once.
CREATE TABLE payment_events (
    provider       text NOT NULL,
    event_id       text NOT NULL,
    payment_id     text NOT NULL,
    kind           text NOT NULL,
    body           jsonb NOT NULL,
    received_at_ms bigint NOT NULL DEFAULT now_ms(),
    PRIMARY KEY (provider, event_id)
);

-- The bank behind the built-in provider `test`: it must remember what it promised, as a real one does.
CREATE TABLE test_payments (
    payment_id      text PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    order_id        text NOT NULL,
    method          text NOT NULL,
    amount          bigint NOT NULL CHECK (amount >= 0),
    currency        text NOT NULL,
    state           text NOT NULL CHECK (state IN ('pending', 'authorised', 'declined', 'captured', 'voided')),
    capture_key     text,                        -- the request that captured it; another one is refused
    captured        bigint NOT NULL DEFAULT 0 CHECK (captured <= amount),
    refunded        bigint NOT NULL DEFAULT 0 CHECK (refunded <= captured),
    settles_at_ms   bigint,                      -- when a pending payment succeeds
    notify_at_ms    bigint,                      -- when its webhook leaves (again); null when there is none to send
    notify_attempts integer NOT NULL DEFAULT 0,
    created_at_ms   bigint NOT NULL DEFAULT now_ms()
);
CREATE INDEX test_payments_to_notify ON test_payments (notify_at_ms) WHERE notify_at_ms IS NOT NULL;
CREATE TABLE test_refunds (
    idempotency_key text PRIMARY KEY,
    payment_id      text NOT NULL REFERENCES test_payments,
    amount          bigint NOT NULL CHECK (amount > 0)
);

-- What buyers still have to hear. Read by "not done", never by "id > last": ids commit out of order.
CREATE TABLE outbox (
    outbox_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_key     text NOT NULL UNIQUE,          -- order id, kind and refund: the same news is told once
    show_id       text NOT NULL,
    buyer_id      text NOT NULL,
    kind          text NOT NULL,
    order_id      text NOT NULL,
    hold_id       text NOT NULL,
    amount        bigint NOT NULL,
    currency      text NOT NULL,
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    due_at_ms     bigint NOT NULL DEFAULT 0,     -- the lease of the relay that is delivering it
    done          boolean NOT NULL DEFAULT false
);
CREATE INDEX outbox_undone ON outbox (outbox_id) WHERE NOT done;
