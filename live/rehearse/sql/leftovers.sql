-- What rehearsals left, or are about to leave. Nothing here writes.

-- name: unfinished_shows
SELECT show_id FROM shows WHERE state <> 'ended' AND starts_with(title, $1) ORDER BY show_id

-- name: units_of_show
SELECT coalesce(sum(sold), 0)::bigint AS sold,
       coalesce(sum(allocated - sold - returned), 0)::bigint AS outstanding
FROM offers JOIN pools ON pool_id = offer_id
WHERE show_id = $1

-- name: free_units
SELECT coalesce(sum(on_hand - ring_fenced), 0)::bigint FROM stock WHERE sku = $1
