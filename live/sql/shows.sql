-- Shows, their offers, and the events that tell viewers of both.

-- name: create_show
INSERT INTO shows (show_id, title, currency, scheduled_start_at_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (show_id) DO NOTHING

-- name: show
SELECT * FROM shows WHERE show_id = $1

-- name: lock_show
-- Whoever makes an event holds the show's row until it commits: events commit in the order of their positions.
SELECT * FROM shows WHERE show_id = $1 FOR UPDATE

-- name: page_of_shows
SELECT show_id FROM shows WHERE $1::text IS NULL OR show_id < $1 ORDER BY show_id DESC LIMIT $2

-- name: current_show
SELECT show_id FROM shows WHERE state <> 'ended' ORDER BY (state = 'scheduled'), show_id DESC LIMIT 1

-- name: set_state
UPDATE shows
SET state = $2,
    started_at_ms = CASE WHEN $2 = 'live' THEN coalesce(started_at_ms, $3) ELSE started_at_ms END,
    ended_at_ms = CASE WHEN $2 = 'ended' THEN $3 ELSE ended_at_ms END
WHERE show_id = $1

-- name: set_spotlight
UPDATE shows SET spotlight = $2::jsonb WHERE show_id = $1

-- name: create_offer
INSERT INTO offers (offer_id, show_id, product_id, title, price_amount, price_currency, announced_at_ms, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'preheat')

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

-- name: set_offer_state
UPDATE offers SET state = $2, reason = $3 WHERE offer_id = $1

-- name: due_offers
-- What the clock has to move: announced offers that have begun, open ones that are over. The first condition is that of
-- the index offers_unfinished: without it the planner reads all offers there ever were.
SELECT offers.offer_id, offers.show_id
FROM offers JOIN pools ON pools.pool_id = offers.offer_id
WHERE offers.state NOT IN ('ended', 'voided')
  AND ((offers.state = 'preheat' AND pools.starts_at_ms <= (SELECT now_ms()))
       OR (offers.state IN ('preheat', 'open') AND pools.ends_at_ms <= (SELECT now_ms())))
ORDER BY offers.offer_id
LIMIT 100

-- name: now
SELECT now_ms()
