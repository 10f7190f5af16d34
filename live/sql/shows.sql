-- Shows: making, moving and finding them.

-- name: create_show
INSERT INTO shows (show_id, title, currency, scheduled_start_at_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (show_id) DO NOTHING

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
