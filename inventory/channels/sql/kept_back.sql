-- What channels keep back: safety stock and switches.

-- name: set_safety_stock
UPDATE channels SET safety_stock = $2 WHERE channel_id = $1

-- name: set_safety_stock_of
UPDATE channel_levels SET safety_stock = $3 WHERE channel_id = $1 AND sku = $2

-- name: switch
UPDATE channels SET switched_off = $2 WHERE channel_id = ANY ($1::text[]) RETURNING channel_id

-- name: switch_skus
UPDATE channel_levels SET switched_off = $3 WHERE channel_id = ANY ($1::text[]) AND sku = ANY ($2::text[])

-- name: known_skus
SELECT DISTINCT sku FROM channel_levels WHERE channel_id = ANY ($1::text[]) AND sku = ANY ($2::text[])

-- name: every_id
SELECT channel_id FROM channels ORDER BY channel_id
