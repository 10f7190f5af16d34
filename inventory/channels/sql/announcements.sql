-- Messages to channels' followers.

-- name: announce
INSERT INTO announcements (channel_id, announcement_id, message, until_ms)
SELECT channel_id, $2, $3::jsonb, $4 FROM channels
WHERE state = 'active' AND kind = ANY ($5::text[]) AND ($1::text[] IS NULL OR channel_id = ANY ($1))
ORDER BY channel_id
ON CONFLICT DO NOTHING

-- name: asked
SELECT channel_id, state, last_error FROM announcements WHERE announcement_id = $1 ORDER BY channel_id

-- name: wake
SELECT pg_notify('showdrop_levels', 'work')

-- name: too_late
UPDATE announcements SET state = 'too_late' WHERE channel_id = $1 AND state = 'waiting' AND until_ms <= now_ms()

-- name: take_due
UPDATE announcements SET due_at_ms = now_ms() + $2, attempts = attempts + 1
WHERE (channel_id, announcement_id) = (
    SELECT channel_id, announcement_id FROM announcements
    WHERE channel_id = $1 AND state = 'waiting' AND due_at_ms <= (SELECT now_ms()) AND until_ms > (SELECT now_ms())
    ORDER BY due_at_ms
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING announcement_id, message::text, attempts

-- name: answered
UPDATE announcements SET state = $3, last_error = $4, due_at_ms = now_ms() + $5
WHERE channel_id = $1 AND announcement_id = $2 AND state = 'waiting'
