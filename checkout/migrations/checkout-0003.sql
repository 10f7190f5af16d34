-- depends: checkout-0002
-- What was asked of M-Pesa, which knows no idempotency keys: the row is there before the call is made.

CREATE TABLE mpesa_requests (
    idempotency_key     text PRIMARY KEY,
    order_id            text NOT NULL,
    phone               text NOT NULL,           -- 2547XXXXXXXX; the order's payment method holds it too
    amount              bigint NOT NULL CHECK (amount > 0 AND amount % 100 = 0),  -- cents
    state               text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'pushed', 'refused', 'failed', 'paid')),
    checkout_request_id text UNIQUE,             -- Daraja's id; null while its answer is not known
    reason              text,                    -- of 'refused' and 'failed'
    paid                bigint CHECK (paid > 0), -- cents
    receipt             text UNIQUE,             -- M-Pesa's number of the payment, proven; it pays for one request only
    asked_at_ms         bigint NOT NULL DEFAULT now_ms(),
    CHECK ((state = 'paid') = (paid IS NOT NULL)),
    CHECK (state NOT IN ('pushed', 'paid') OR checkout_request_id IS NOT NULL)
);

-- Questions about a transaction; the answer comes as a webhook.
CREATE TABLE mpesa_checks (
    check_id        text PRIMARY KEY,            -- unguessable; part of the URL that the answer is posted to
    order_id        text NOT NULL,
    subject         text NOT NULL,               -- a receipt, or a conversation
    conversation_id text,                        -- of the latest question; only its answer counts
    asked_at_ms     bigint NOT NULL DEFAULT 0,
    UNIQUE (order_id, subject)
);

CREATE TABLE mpesa_reversals (
    idempotency_key     text PRIMARY KEY,
    reversal_id         text NOT NULL UNIQUE,    -- of the latest attempt; unguessable, part of its result's URL
    checkout_request_id text NOT NULL REFERENCES mpesa_requests (checkout_request_id),
    order_id            text NOT NULL,
    receipt             text NOT NULL,
    amount              bigint NOT NULL CHECK (amount > 0 AND amount % 100 = 0),  -- cents
    state               text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'accepted', 'refused', 'done')),
    conversation_id     text,                    -- Daraja's id of the request; null while its answer is not known
    asked_at_ms         bigint NOT NULL DEFAULT now_ms()
);
CREATE INDEX mpesa_reversals_by_payment ON mpesa_reversals (checkout_request_id);
