-- The source of the show log: what happened, in order.

-- name: next_seq
UPDATE shows SET seq = seq + 1 WHERE show_id = $1 RETURNING seq

-- name: add_event
INSERT INTO show_events (show_id, seq, event) VALUES ($1, $2, $3::jsonb)

-- name: shows_to_relay
SELECT DISTINCT show_id FROM show_events WHERE NOT relayed LIMIT 100

-- name: events_to_relay
-- From the oldest one that Redis has not got; those above it that were relayed before are offered again and ignored.
-- Gateways measure by made_at_ms how late viewers are told.
SELECT seq, (event || jsonb_build_object('made_at_ms', at_ms))::text AS event FROM show_events WHERE show_id = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: oldest_unrelayed
SELECT min(seq) FROM show_events WHERE show_id = $1 AND NOT relayed

-- name: mark_relayed
UPDATE show_events SET relayed = true WHERE show_id = $1 AND seq <= $2 AND NOT relayed
