-- A channel's items as it tells us of them, and matching them with our SKUs.

-- name: ask_match
UPDATE channels SET match_asked = match_asked + 1 WHERE channel_id = $1 RETURNING kind, links_by_sku

-- name: match_wanted
SELECT match_asked FROM channels WHERE channel_id = $1 AND match_done < match_asked AND state = 'active'

-- name: match_done
UPDATE channels SET match_done = $2 WHERE channel_id = $1

-- name: put_items
INSERT INTO channel_items (channel_id, item_id, seller_sku, title, seen_at_ms)
SELECT $1, item_id, seller_sku, title, $5 FROM unnest($2::text[], $3::text[], $4::text[]) AS found (item_id, seller_sku, title)
ON CONFLICT (channel_id, item_id) DO UPDATE
    SET seller_sku = excluded.seller_sku, title = excluded.title, seen_at_ms = excluded.seen_at_ms

-- name: forget_unseen
DELETE FROM channel_items WHERE channel_id = $1 AND seen_at_ms < $2

-- name: matching
-- Items whose name over there is exactly a SKU of ours that has no item yet, and no other item has that name.
SELECT items.item_id, items.seller_sku AS sku
FROM channel_items AS items
JOIN channel_levels AS levels ON levels.channel_id = $1 AND levels.sku = items.seller_sku AND levels.item_id IS NULL
WHERE items.channel_id = $1
  AND NOT EXISTS (SELECT FROM channel_items AS other WHERE other.channel_id = $1
                  AND other.seller_sku = items.seller_sku AND other.item_id <> items.item_id)
  AND NOT EXISTS (SELECT FROM channel_levels AS taken WHERE taken.channel_id = $1 AND taken.item_id = items.item_id)
ORDER BY items.seller_sku

-- name: forget_linked
DELETE FROM channel_items USING channel_levels
WHERE channel_items.channel_id = $1 AND channel_levels.channel_id = $1
  AND channel_levels.item_id = channel_items.item_id

-- name: items
SELECT item_id, seller_sku, title FROM channel_items WHERE channel_id = $1 AND item_id > $2 ORDER BY item_id LIMIT $3

-- name: wake
SELECT pg_notify('showdrop_levels', 'work')
