-- The rows of shows and offers: reading and locking them.

-- name: show
SELECT * FROM shows WHERE show_id = $1

-- name: lock_show
-- Whoever makes an event holds the show's row until it commits: events commit in the order of their positions.
SELECT * FROM shows WHERE show_id = $1 FOR UPDATE

-- name: offers_of_show
SELECT offers.*, pools.sku, pools.allocated, pools.sold, pools.per_buyer_limit, pools.starts_at_ms, pools.ends_at_ms,
       pools.grace_ms, pools.hold_ttl_ms, pools.mode, pools.seed_hash, pools.drawn_at_ms, pools.entries,
       CASE WHEN pools.drawn_at_ms IS NOT NULL THEN pools.seed END AS seed
FROM offers JOIN pools ON pools.pool_id = offers.offer_id
WHERE offers.show_id = $1
ORDER BY offers.offer_id
LIMIT $2

-- name: offer
SELECT offers.*, pools.sku, pools.allocated, pools.sold, pools.per_buyer_limit, pools.starts_at_ms, pools.ends_at_ms,
       pools.grace_ms, pools.hold_ttl_ms, pools.mode, pools.seed_hash, pools.drawn_at_ms, pools.entries,
       CASE WHEN pools.drawn_at_ms IS NOT NULL THEN pools.seed END AS seed
FROM offers JOIN pools ON pools.pool_id = offers.offer_id
WHERE offers.offer_id = $1

-- name: now
SELECT now_ms()
