-- depends: inventory-0003
-- Named channels: items called in their own way, switches per SKU, secrets that only the deployment's secret opens.

ALTER TABLE channels
    ADD COLUMN secrets bytea,                    -- sealed; NULL in older rows, whose secret is in the column beside it
    ADD COLUMN links_by_sku boolean NOT NULL DEFAULT true,     -- the channel calls its items as we call our SKUs
    ADD COLUMN switched_off boolean NOT NULL DEFAULT false;    -- shows 0 of everything

ALTER TABLE channel_levels
    ADD COLUMN item_id text,                     -- the channel's name for this SKU; NULL: the SKU itself, or not linked
    ADD COLUMN call_group text DEFAULT '',       -- levels of one group go into one call; NULL: not linked, never told
    ADD COLUMN safety_stock bigint CHECK (safety_stock >= 0),  -- NULL: the channel's
    ADD COLUMN switched_off boolean NOT NULL DEFAULT false,    -- shows 0 of this SKU
    ADD CONSTRAINT linked_before_told CHECK (item_id IS NULL OR call_group IS NOT NULL);

CREATE UNIQUE INDEX channel_levels_item ON channel_levels (channel_id, item_id) WHERE item_id IS NOT NULL;

DROP INDEX channel_levels_due;
CREATE INDEX channel_levels_due ON channel_levels (channel_id, call_group, due_at_ms)
    WHERE told_version < version AND call_group IS NOT NULL;

-- What a channel should show of a SKU.
CREATE FUNCTION channel_level(units bigint, safety_stock bigint, switched_off boolean) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN switched_off THEN 0 ELSE greatest(0, units - safety_stock) END;

-- The level of every SKU at every channel as it should be, by the stock as it is.
CREATE VIEW channel_wanted AS
SELECT channels.channel_id, summed.sku, summed.units,
       channel_level(summed.units, coalesce(own.safety_stock, channels.safety_stock),
                     channels.switched_off OR coalesce(own.switched_off, false)) AS wanted
FROM channels
CROSS JOIN (SELECT sku, sum(on_hand - ring_fenced)::bigint AS units FROM stock GROUP BY sku) AS summed
LEFT JOIN channel_levels AS own ON own.channel_id = channels.channel_id AND own.sku = summed.sku;

-- Items that a channel has and nobody has linked yet: listed, never guessed.
CREATE TABLE channel_items (
    channel_id   text NOT NULL REFERENCES channels ON DELETE CASCADE,
    item_id      text NOT NULL,
    seller_sku   text NOT NULL DEFAULT '',       -- what the merchant called it over there
    title        text NOT NULL DEFAULT '',
    seen_at_ms   bigint NOT NULL DEFAULT now_ms(),
    PRIMARY KEY (channel_id, item_id)
);
