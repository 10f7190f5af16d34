-- Answers to POSTs with an Idempotency-Key.

-- name: begin
-- One row comes back when the caller may act: the key is new, or whoever had it has given no sign of life.
INSERT INTO idempotency AS known (subject, idempotency_key, request_hash, seed, locked_until_ms)
VALUES ($1, $2, $3, $4, now_ms() + $5::bigint)
ON CONFLICT (subject, idempotency_key) DO UPDATE
    SET locked_until_ms = excluded.locked_until_ms
    WHERE known.request_hash = excluded.request_hash AND known.status IS NULL AND known.locked_until_ms < now_ms()
RETURNING seed

-- name: find
SELECT request_hash, status, body FROM idempotency WHERE subject = $1 AND idempotency_key = $2

-- name: renew
UPDATE idempotency SET locked_until_ms = now_ms() + $3::bigint
WHERE subject = $1 AND idempotency_key = $2 AND status IS NULL

-- name: finish
-- Whoever answers first sets the answer; a slower one that was taken over gets no row.
UPDATE idempotency SET status = $3, body = $4
WHERE subject = $1 AND idempotency_key = $2 AND status IS NULL
RETURNING status

-- name: abandon
-- The row stays, with its seed: a repeat may act at once and creates under the same id.
UPDATE idempotency SET locked_until_ms = 0
WHERE subject = $1 AND idempotency_key = $2 AND status IS NULL

-- name: purge
DELETE FROM idempotency
WHERE (subject, idempotency_key) IN (
    SELECT subject, idempotency_key FROM idempotency
    WHERE created_at_ms < now_ms() - $1::bigint
    ORDER BY created_at_ms
    LIMIT $2
)
