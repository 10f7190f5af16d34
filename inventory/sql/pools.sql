-- Pools: the units ring-fenced for one offer, and the judge of what may still be sold.

-- name: lock_stock_of_pool
-- Before the pool's row is made: its foreign key shares a lock on this row, which two makers could not both raise.
SELECT 1 FROM stock WHERE sku = $1 FOR UPDATE

-- name: create_pool
INSERT INTO pools (pool_id, sku, allocated, per_buyer_limit, starts_at_ms, ends_at_ms, grace_ms, hold_ttl_ms,
                   waitlist_hold_ttl_ms, mode, pass_on_ms, seed, seed_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING pool_no, epoch

-- name: pool
SELECT * FROM pools WHERE pool_id = $1

-- name: pool_by_no
SELECT * FROM pools WHERE pool_no = $1

-- name: unfinished_pools
SELECT * FROM pools WHERE state <> 'closed' ORDER BY pool_id

-- name: set_ends_at
UPDATE pools SET ends_at_ms = $2 WHERE pool_id = $1 AND state = 'open'

-- name: close_pool
UPDATE pools SET state = 'closing', release_holds = release_holds OR $2 WHERE pool_id = $1 AND state <> 'closed'

-- name: end_window
UPDATE pools SET ends_at_ms = least(ends_at_ms, greatest(starts_at_ms + 1, now_ms()))
WHERE pool_id = $1 AND mode = 'draw' AND state = 'open' AND starts_at_ms <= now_ms()

-- name: close_overdue
-- A draw is not overdue before its winners were served.
UPDATE pools SET state = 'closing'
WHERE state = 'open'
  AND CASE mode WHEN 'draw' THEN lined_up_at_ms + pass_on_ms ELSE ends_at_ms + grace_ms END <= now_ms()

-- name: next_epoch
UPDATE pools SET epoch = epoch + 1 WHERE pool_id = $1 AND state <> 'closed' RETURNING *

-- name: lock_closing_pool
SELECT * FROM pools WHERE pool_id = $1 AND state = 'closing' FOR UPDATE

-- name: return_units
UPDATE pools SET returned = returned + $2 WHERE pool_id = $1

-- name: finish_pool
UPDATE pools SET state = 'closed' WHERE pool_id = $1 AND state = 'closing' AND sold + returned = allocated
