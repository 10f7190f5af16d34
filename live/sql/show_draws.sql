-- Draws that are due, and what they tell their shows.

-- name: due_draws
-- The offer has ended for its viewers, too: nobody can extend it any more.
SELECT offers.offer_id
FROM offers JOIN pools ON pools.pool_id = offers.offer_id
WHERE pools.mode = 'draw' AND pools.state = 'open' AND pools.drawn_at_ms IS NULL
  AND offers.state = 'ended' AND pools.ends_at_ms + pools.grace_ms <= now_ms()
ORDER BY offers.offer_id
LIMIT 100

-- name: lock_show_of
SELECT 1 FROM shows WHERE show_id = $1 FOR UPDATE
