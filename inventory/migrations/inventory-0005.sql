-- depends: inventory-0004
-- Orders that other channels sell, the catalogue that they are told, and messages about offers.

-- Rows that are there satisfy the new list as they did the old one.
ALTER TABLE movements DROP CONSTRAINT movements_kind_check;
ALTER TABLE movements ADD CONSTRAINT movements_kind_check CHECK (
    kind IN ('receive', 'adjust', 'allocate', 'return', 'sale', 'restock', 'sale_elsewhere', 'return_elsewhere')
) NOT VALID;
ALTER TABLE movements VALIDATE CONSTRAINT movements_kind_check;

ALTER TABLE channels
    ADD COLUMN set_up bigint NOT NULL DEFAULT 1,               -- grows when staff change its settings
    ADD COLUMN orders_known_ms bigint,                         -- every order that changed before is in channel_orders
    ADD COLUMN cancels_oversold boolean NOT NULL DEFAULT false,  -- cancels over there what it sold and nobody has
    ADD COLUMN match_asked bigint NOT NULL DEFAULT 0,          -- how often somebody asked to match its items ...
    ADD COLUMN match_done bigint NOT NULL DEFAULT 0;           -- ... and up to which time that is done

ALTER TABLE channel_levels ADD COLUMN drift text;              -- what it showed instead when it was read last

-- What channels sent, byte for byte; a message that comes again is not stored again.
CREATE TABLE channel_pushes (
    channel_id     text NOT NULL REFERENCES channels ON DELETE CASCADE,
    event_id       text NOT NULL,
    received_at_ms bigint NOT NULL DEFAULT now_ms(),
    body           bytea NOT NULL,
    trouble        text NOT NULL DEFAULT '',     -- why nothing could be made of it
    PRIMARY KEY (channel_id, event_id)
);
CREATE INDEX channel_pushes_by_age ON channel_pushes (received_at_ms);

-- Level-triggered: something changed (version), the order was read (read_version), its units were taken (lines).
CREATE TABLE channel_orders (
    channel_id     text NOT NULL REFERENCES channels ON DELETE CASCADE,
    order_id       text NOT NULL,                -- the channel's name for it
    state          text NOT NULL DEFAULT 'new' CHECK (state IN
                       ('new', 'taken', 'oversold_elsewhere', 'unlinked', 'cancelled', 'earlier', 'unknown')),
    status         text NOT NULL DEFAULT '',     -- the channel's own word
    placed_at_ms   bigint,
    seen_at_ms     bigint NOT NULL DEFAULT now_ms(),
    stamp          text NOT NULL DEFAULT '',     -- changes when the order does, as far as the channel's list says
    version        bigint NOT NULL DEFAULT 1,
    read_version   bigint NOT NULL DEFAULT 0,
    due_at_ms      bigint NOT NULL DEFAULT 0,
    attempts       integer NOT NULL DEFAULT 0,
    last_error     text,
    cancel_wanted  boolean NOT NULL DEFAULT false,
    cancel_due_ms  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, order_id),
    CHECK (read_version <= version)
) WITH (fillfactor = 80);
CREATE INDEX channel_orders_due ON channel_orders (channel_id, due_at_ms) WHERE read_version < version;
CREATE INDEX channel_orders_to_cancel ON channel_orders (channel_id, cancel_due_ms) WHERE cancel_wanted;
CREATE INDEX channel_orders_by_state ON channel_orders (channel_id, state, order_id);

-- Units of an order: what it holds over there, and what was taken for it here.
CREATE TABLE channel_order_lines (
    channel_id text NOT NULL,
    order_id   text NOT NULL,
    item_id    text NOT NULL,
    sku        text,                             -- NULL while the item is not linked
    wanted     bigint NOT NULL CHECK (wanted >= 0),
    taken      bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
    moves      bigint NOT NULL DEFAULT 0,        -- movements recorded for it: each has a key of its own
    PRIMARY KEY (channel_id, order_id, item_id),
    FOREIGN KEY (channel_id, order_id) REFERENCES channel_orders ON DELETE CASCADE,
    CHECK (taken = 0 OR sku IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX channel_order_lines_short ON channel_order_lines (channel_id, order_id) WHERE taken < wanted;

-- Level-triggered as well: a product that a channel should have as it is now.
CREATE TABLE channel_products (
    channel_id    text NOT NULL REFERENCES channels ON DELETE CASCADE,
    product_id    text NOT NULL REFERENCES products ON DELETE CASCADE,
    listing       text NOT NULL DEFAULT '',      -- the channel's name for it
    version       bigint NOT NULL DEFAULT 1,
    told_version  bigint NOT NULL DEFAULT 0,
    told_at_ms    bigint,
    due_at_ms     bigint NOT NULL DEFAULT 0,
    attempts      integer NOT NULL DEFAULT 0,
    last_error    text,
    PRIMARY KEY (channel_id, product_id),
    CHECK (told_version <= version)
);
CREATE INDEX channel_products_due ON channel_products (channel_id, due_at_ms, product_id) WHERE told_version < version;
CREATE INDEX channel_products_by_product ON channel_products (product_id);

CREATE FUNCTION publish_again(product_ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Locked in one order, so that two who change products cannot wait for each other here.
    PERFORM FROM channel_products WHERE product_id = ANY (product_ids) ORDER BY channel_id, product_id FOR UPDATE;
    UPDATE channel_products SET version = version + 1, due_at_ms = 0 WHERE product_id = ANY (product_ids);
    IF FOUND THEN
        PERFORM pg_notify('showdrop_levels', 'work');
    END IF;
END $$;

CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM publish_again(ARRAY(SELECT product_id FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION variant_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Not for a new count of units: that is told as a level.
    PERFORM publish_again(ARRAY(
        SELECT DISTINCT changed.product_id FROM changed JOIN former USING (sku)
        WHERE (changed.product_id, changed.title, changed.price_amount, changed.price_currency)
            IS DISTINCT FROM (former.product_id, former.title, former.price_amount, former.price_currency)));
    RETURN NULL;
END $$;

CREATE TRIGGER products_are_published_again AFTER UPDATE ON products
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION product_changed();
CREATE TRIGGER variants_are_published_again AFTER UPDATE ON variants
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION variant_changed();
CREATE TRIGGER new_variants_are_published AFTER INSERT ON variants
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION product_changed();

-- Messages to a channel's followers.
CREATE TABLE announcements (
    channel_id      text NOT NULL REFERENCES channels ON DELETE CASCADE,
    announcement_id text NOT NULL,
    message         jsonb NOT NULL,
    until_ms        bigint NOT NULL,             -- later it would be no news any more
    due_at_ms       bigint NOT NULL DEFAULT 0,
    attempts        integer NOT NULL DEFAULT 0,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'too_late')),
    last_error      text,
    PRIMARY KEY (channel_id, announcement_id)
);
CREATE INDEX announcements_due ON announcements (channel_id, due_at_ms) WHERE state = 'waiting';
