-- Which of a channel's items is which SKU.

-- name: kind_of
SELECT kind, links_by_sku FROM channels WHERE channel_id = $1

-- name: lock_free
-- Locks what nobody holds just now, in SKU order, and says of each row whether it got it.
WITH free AS (
    SELECT sku FROM channel_levels WHERE channel_id = $1 AND sku = ANY ($2::text[])
    ORDER BY sku
    FOR UPDATE SKIP LOCKED
)
SELECT sku, EXISTS (SELECT FROM free WHERE free.sku = channel_levels.sku) AS locked
FROM channel_levels WHERE channel_id = $1 AND sku = ANY ($2::text[])

-- name: known_skus
SELECT sku FROM channel_levels WHERE channel_id = $1 AND sku = ANY ($2::text[])

-- name: taken_items
-- Where items are called as SKUs, a SKU without a link is the item of its name.
SELECT item_id, sku FROM channel_levels WHERE channel_id = $1 AND item_id = ANY ($2::text[])
UNION ALL
SELECT sku, sku FROM channel_levels WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND item_id IS NULL AND $3

-- name: let_go
-- First all of them let go, so that two SKUs may change items with each other.
UPDATE channel_levels
SET item_id = NULL, call_group = CASE WHEN $3 THEN '' END, told = NULL, told_version = 0, told_at_ms = NULL,
    attempts = 0, last_error = NULL, drift = NULL
WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND (item_id IS NOT NULL OR $3)

-- name: unlink
UPDATE channel_levels
SET item_id = NULL, call_group = CASE WHEN $3 THEN '' END, told = NULL, told_version = 0, told_at_ms = NULL,
    attempts = 0, last_error = NULL, drift = NULL
WHERE channel_id = $1 AND sku = ANY ($2::text[]) AND item_id IS NOT NULL

-- name: link
-- The level is told from scratch: what the channel shows of this item is not known.
UPDATE channel_levels
SET item_id = links.item_id, call_group = links.call_group, due_at_ms = 0, changed_at_ms = now_ms()
FROM unnest($2::text[], $3::text[], $4::text[]) AS links (sku, item_id, call_group)
WHERE channel_id = $1 AND channel_levels.sku = links.sku

-- name: forget_items
DELETE FROM channel_items WHERE channel_id = $1 AND item_id = ANY ($2::text[])

-- name: wake
SELECT pg_notify('showdrop_levels', '')
