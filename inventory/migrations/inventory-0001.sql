-- Catalogue, stock ledger, pools and channels.

CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE TABLE products (
    product_id    text PRIMARY KEY,
    product_key   text NOT NULL UNIQUE,          -- the merchant's own key: handle or item group
    title         text NOT NULL,
    description   text NOT NULL DEFAULT '',
    image         text,
    vendor        text NOT NULL DEFAULT '',
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    updated_at_ms bigint NOT NULL DEFAULT now_ms()
);

CREATE TABLE variants (
    sku               text PRIMARY KEY,
    product_id        text NOT NULL REFERENCES products,
    title             text NOT NULL DEFAULT '',
    price_amount      bigint NOT NULL CHECK (price_amount >= 0),
    price_currency    text NOT NULL CHECK (price_currency ~ '^[A-Z]{3}$'),
    -- What the last file said. The next import moves stock by the difference only, so importing twice changes nothing.
    imported_quantity bigint NOT NULL DEFAULT 0 CHECK (imported_quantity >= 0),
    created_at_ms     bigint NOT NULL DEFAULT now_ms(),
    updated_at_ms     bigint NOT NULL DEFAULT now_ms()
);
CREATE INDEX variants_by_product ON variants (product_id);

-- Counters per SKU: a cache of the ledger, checked by constraints. available = on_hand - ring_fenced.
CREATE TABLE stock (
    sku         text NOT NULL REFERENCES variants,
    location    text NOT NULL DEFAULT 'main',
    on_hand     bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    ring_fenced bigint NOT NULL DEFAULT 0 CHECK (ring_fenced >= 0),
    PRIMARY KEY (sku, location),
    CONSTRAINT stock_covers_ring_fence CHECK (ring_fenced <= on_hand)
) WITH (fillfactor = 80);

-- Append-only. Replaying it from zero gives the counters above.
CREATE TABLE movements (
    movement_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    movement_key      text NOT NULL UNIQUE,      -- what this movement records, so that recording it twice is refused
    kind              text NOT NULL CHECK (kind IN ('receive', 'adjust', 'allocate', 'return', 'sale', 'restock')),
    sku               text NOT NULL,
    location          text NOT NULL DEFAULT 'main',
    on_hand_delta     bigint NOT NULL,
    ring_fenced_delta bigint NOT NULL,
    pool_id           text,
    order_id          text,
    reason            text NOT NULL DEFAULT '',
    at_ms             bigint NOT NULL DEFAULT now_ms(),
    FOREIGN KEY (sku, location) REFERENCES stock (sku, location),
    CHECK (on_hand_delta <> 0 OR ring_fenced_delta <> 0)
);
CREATE INDEX movements_by_sku ON movements (sku, movement_id);
CREATE INDEX movements_by_pool ON movements (pool_id) WHERE pool_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER movements_are_append_only BEFORE UPDATE OR DELETE ON movements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The units ring-fenced for one offer. This row is the judge: sold can never pass allocated.
CREATE TABLE pools (
    pool_id       text PRIMARY KEY,              -- the offer's id
    pool_no       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- stands inside every hold id, so that a hold finds its pool
    sku           text NOT NULL,
    location      text NOT NULL DEFAULT 'main',
    allocated     bigint NOT NULL CHECK (allocated > 0),
    sold          bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    returned      bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    epoch         bigint NOT NULL DEFAULT 1,     -- names this life of the pool's book in Redis
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closing', 'closed')),
    release_holds boolean NOT NULL DEFAULT false,  -- closing also ends live holds that are not being paid
    per_buyer_limit bigint NOT NULL DEFAULT 1 CHECK (per_buyer_limit > 0),
    starts_at_ms  bigint NOT NULL DEFAULT now_ms(),
    ends_at_ms    bigint NOT NULL DEFAULT now_ms() + 60000,
    grace_ms      bigint NOT NULL DEFAULT 0 CHECK (grace_ms >= 0),
    hold_ttl_ms   bigint NOT NULL DEFAULT 120000 CHECK (hold_ttl_ms > 0),
    created_at_ms bigint NOT NULL DEFAULT now_ms(),
    FOREIGN KEY (sku, location) REFERENCES stock (sku, location),
    CHECK (starts_at_ms < ends_at_ms),
    CONSTRAINT pool_never_oversells CHECK (sold + returned <= allocated)
) WITH (fillfactor = 50);
CREATE INDEX pools_unfinished ON pools (pool_id) WHERE state <> 'closed';

-- Which Redis server the pools were last seen on; another run_id means that its memory cannot be trusted.
CREATE TABLE hold_book (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    redis_run_id text NOT NULL
);

CREATE TABLE channels (
    channel_id      text PRIMARY KEY,
    kind            text NOT NULL,
    name            text NOT NULL,
    settings        jsonb NOT NULL DEFAULT '{}',
    secret          text NOT NULL DEFAULT '',
    safety_stock    bigint NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    last_error      text,
    last_success_ms bigint,
    created_at_ms   bigint NOT NULL DEFAULT now_ms()
);

-- Level-triggered: desired is what the channel should show, told what it was last told.
CREATE TABLE channel_levels (
    channel_id    text NOT NULL REFERENCES channels ON DELETE CASCADE,
    sku           text NOT NULL,
    desired       bigint NOT NULL CHECK (desired >= 0),
    version       bigint NOT NULL DEFAULT 1,
    changed_at_ms bigint NOT NULL DEFAULT now_ms(),
    told          bigint,
    told_version  bigint NOT NULL DEFAULT 0,
    told_at_ms    bigint,
    attempts      integer NOT NULL DEFAULT 0,
    due_at_ms     bigint NOT NULL DEFAULT 0,
    last_error    text,
    PRIMARY KEY (channel_id, sku),
    CHECK (told_version <= version)
) WITH (fillfactor = 70);
CREATE INDEX channel_levels_due ON channel_levels (channel_id, due_at_ms) WHERE told_version < version;
