-- Commands of hosts that were carried out.

-- name: mark
INSERT INTO host_commands (command) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true

-- name: forget
DELETE FROM host_commands WHERE created_at_ms < now_ms() - $1
