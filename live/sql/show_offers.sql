-- Offers: making and moving them.

-- name: create_offer
INSERT INTO offers (offer_id, show_id, product_id, title, price_amount, price_currency, announced_at_ms, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'preheat')

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
