-- depends: inventory-0002
-- Draws: buyers enter while the window is open, and the order of a seed that was promised beforehand decides.

ALTER TABLE pools
    ADD COLUMN mode text NOT NULL DEFAULT 'first_come' CHECK (mode IN ('first_come', 'draw')),
    ADD COLUMN pass_on_ms bigint NOT NULL DEFAULT 0 CHECK (pass_on_ms >= 0),
    ADD COLUMN seed text,                        -- secret until drawn
    ADD COLUMN seed_hash text,                   -- published from the start
    ADD COLUMN entries bigint NOT NULL DEFAULT 0 CHECK (entries >= 0),  -- rows of draw_entries
    ADD COLUMN drawn_at_ms bigint,               -- from here on the order is public and no entry counts
    ADD COLUMN lined_up_at_ms bigint,            -- the book knows the order; units that come back are passed on
    ADD CONSTRAINT draw_has_a_seed CHECK ((mode = 'draw') = (seed IS NOT NULL AND seed_hash IS NOT NULL)),
    ADD CONSTRAINT draw_is_for_one_each CHECK (mode <> 'draw' OR per_buyer_limit = 1),
    ADD CONSTRAINT drawn_before_lined_up CHECK (lined_up_at_ms IS NULL OR drawn_at_ms IS NOT NULL);

CREATE TABLE draw_entries (
    pool_id       text NOT NULL REFERENCES pools,
    buyer_id      text NOT NULL,
    claim_id      text NOT NULL,
    digest        bytea NOT NULL,                -- SHA-256 of seed:buyer_id; ascending, it is the drawn order
    entered_at_ms bigint NOT NULL,
    PRIMARY KEY (pool_id, buyer_id),
    UNIQUE (pool_id, claim_id),
    UNIQUE (pool_id, digest)
);
