-- depends: checkout-0001
-- Shows, offers, the show's events, and what the HTTP API remembers.

CREATE TABLE shows (
    show_id               text PRIMARY KEY,
    title                 text NOT NULL,
    currency              text NOT NULL,
    state                 text NOT NULL DEFAULT 'scheduled'
                              CHECK (state IN ('scheduled', 'live', 'paused', 'ended')),
    spotlight             jsonb NOT NULL DEFAULT '[]',  -- product cards as they were pinned, at most three
    scheduled_start_at_ms bigint,
    started_at_ms         bigint,
    ended_at_ms           bigint,
    seq                   bigint NOT NULL DEFAULT 0,  -- position of the newest event, given in the transaction that made it
    peak_viewers          bigint NOT NULL DEFAULT 0,
    created_at_ms         bigint NOT NULL DEFAULT now_ms()
);

-- An offer: what its pool's units are sold as. Quantity, limits and times are the pool's.
CREATE TABLE offers (
    offer_id        text PRIMARY KEY REFERENCES pools (pool_id),
    show_id         text NOT NULL REFERENCES shows,
    product_id      text NOT NULL REFERENCES products,
    title           text NOT NULL,
    price_amount    bigint NOT NULL CHECK (price_amount >= 0),
    price_currency  text NOT NULL,
    announced_at_ms bigint NOT NULL DEFAULT now_ms(),  -- preheat begins
    state           text NOT NULL CHECK (state IN ('scheduled', 'preheat', 'open', 'ended', 'voided')),
    reason          text
);
CREATE INDEX offers_by_show ON offers (show_id, offer_id);
CREATE INDEX offers_unfinished ON offers (offer_id) WHERE state NOT IN ('ended', 'voided');

-- The show log's source: what happened, in order. A relay copies it to the show's stream in Redis.
CREATE TABLE show_events (
    show_id       text NOT NULL REFERENCES shows,
    seq           bigint NOT NULL,
    event         jsonb NOT NULL,                -- the wire message, `seq` included
    at_ms         bigint NOT NULL DEFAULT now_ms(),
    relayed       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (show_id, seq)
);
CREATE INDEX show_events_unrelayed ON show_events (show_id, seq) WHERE NOT relayed;

-- Answers to POSTs with an Idempotency-Key; kept a day.
CREATE TABLE idempotency (
    subject         text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash    bytea NOT NULL,              -- method, path and body: the same key with another request is refused
    seed            text NOT NULL,               -- the ULID for what the request creates, so that a repeat creates it once
    status          integer,                     -- null while the first one is still under way
    body            bytea,
    locked_until_ms bigint NOT NULL,
    created_at_ms   bigint NOT NULL DEFAULT now_ms(),
    PRIMARY KEY (subject, idempotency_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at_ms);

-- Commands of hosts that were carried out, marked in the transaction of their change; kept two days.
CREATE TABLE host_commands (
    command       text PRIMARY KEY,
    created_at_ms bigint NOT NULL DEFAULT now_ms()
);
CREATE INDEX host_commands_by_age ON host_commands (created_at_ms);

-- Claims by result, summed by the gateways: the report's refusals.
CREATE TABLE claim_counts (
    show_id text NOT NULL REFERENCES shows,
    result  text NOT NULL,                       -- 'accepted' or the reason of the refusal
    claims  bigint NOT NULL,
    PRIMARY KEY (show_id, result)
);
