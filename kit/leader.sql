-- Advisory locks of a session: they end with its connection.

-- name: lead
SELECT pg_try_advisory_lock($1)

-- name: give_up_lead
SELECT pg_advisory_unlock($1)
