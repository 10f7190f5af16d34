-- depends: checkout-0003
-- Webhooks out: who wants to hear of which events, what each has to be sent, and how that went.

CREATE TABLE webhook_endpoints (
    endpoint_id      text PRIMARY KEY,
    url              text NOT NULL,
    events           text[] NOT NULL,            -- kinds of events, or '*' alone
    description      text NOT NULL DEFAULT '',
    enabled          boolean NOT NULL DEFAULT true,
    disabled_reason  text CHECK (disabled_reason IN ('gone', 'failing')),
    failing_since_ms bigint,                     -- the first failure after the last success
    removed          boolean NOT NULL DEFAULT false,  -- nobody sees it any more; housekeeping deletes it in pieces
    created_at_ms    bigint NOT NULL DEFAULT now_ms(),
    CHECK (enabled = (disabled_reason IS NULL))
);

-- Secrets are derived from the deployment's secret and this salt, so that neither alone is enough to sign.
CREATE TABLE webhook_secrets (
    endpoint_id   text NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    secret_id     text NOT NULL,                 -- of the request that made it: a repeat makes no other
    salt          bytea NOT NULL,
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    ends_at_ms    bigint,                        -- until when it signs beside its successor; null: it is the present one
    PRIMARY KEY (endpoint_id, secret_id)
);
CREATE UNIQUE INDEX webhook_secret_now ON webhook_secrets (endpoint_id) WHERE ends_at_ms IS NULL;

-- What happened, once for all endpoints. Written only when somebody wants it.
CREATE TABLE webhook_events (
    event_id      text PRIMARY KEY,
    kind          text NOT NULL,
    body          text NOT NULL,                 -- as it is sent: a signature is over bytes, so they never change
    test          boolean NOT NULL DEFAULT false,
    created_at_ms bigint NOT NULL DEFAULT now_ms()
);
CREATE INDEX webhook_events_by_age ON webhook_events (created_at_ms);
CREATE INDEX webhook_events_by_kind ON webhook_events (kind, created_at_ms DESC) WHERE NOT test;

CREATE TABLE webhook_deliveries (
    delivery_id   text PRIMARY KEY,
    event_id      text NOT NULL REFERENCES webhook_events ON DELETE CASCADE,
    endpoint_id   text NOT NULL REFERENCES webhook_endpoints,
    message_id    text NOT NULL,                 -- the header webhook-id: the same at every try and every replay
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts      integer NOT NULL DEFAULT 0,    -- tries of the present schedule; a replay begins a new one
    takes         integer NOT NULL DEFAULT 0,    -- tries ever; who was overtaken by another taker writes nothing
    due_at_ms     bigint NOT NULL DEFAULT 0,     -- when it may be taken (again); also the lease
    last_status   integer,
    last_error    text,
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    ended_at_ms   bigint,
    UNIQUE (event_id, endpoint_id)               -- an event gets to an endpoint's queue exactly once
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at_ms) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, created_at_ms, delivery_id);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, created_at_ms, delivery_id)
    WHERE state = 'failed';

CREATE TABLE webhook_attempts (
    delivery_id   text NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    number        integer NOT NULL,              -- the delivery's takes; one that is missing was cut off
    started_at_ms bigint NOT NULL,
    duration_ms   bigint NOT NULL,
    status        integer,                       -- null: there was no answer
    error         text,                          -- null: it arrived
    response      text NOT NULL,                 -- the beginning of the answer
    PRIMARY KEY (delivery_id, number)
);
