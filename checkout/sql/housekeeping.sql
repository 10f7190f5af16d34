-- What is deleted when it is old enough. Each statement takes few rows, those that nobody else holds, so that any number
-- of workers may run it beside the payments.

-- name: delete_news
-- Of the oldest rows those that everybody was told; the primary key has them in order, so no other index is needed.
WITH old AS (
    SELECT outbox_id FROM outbox
    WHERE outbox_id IN (SELECT outbox_id FROM outbox ORDER BY outbox_id LIMIT $3)
      AND done AND hooked AND created_at_ms < (SELECT now_ms()) - $1::bigint
    ORDER BY outbox_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM outbox USING old WHERE outbox.outbox_id = old.outbox_id

-- name: drop_payment_bodies
WITH old AS (
    SELECT provider, event_id FROM payment_events
    -- A callback of M-Pesa has the receipt without which nothing can be refunded: it stays as long as the event.
    WHERE body IS NOT NULL AND received_at_ms < (SELECT now_ms()) - $1::bigint
      AND (kind <> 'mpesa.pay' OR received_at_ms < (SELECT now_ms()) - $3::bigint)
    ORDER BY received_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE payment_events SET body = NULL
FROM old
WHERE payment_events.provider = old.provider AND payment_events.event_id = old.event_id

-- name: delete_payment_events
WITH old AS (
    SELECT provider, event_id FROM payment_events
    WHERE body IS NULL AND received_at_ms < (SELECT now_ms()) - $1::bigint
    ORDER BY received_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM payment_events USING old
WHERE payment_events.provider = old.provider AND payment_events.event_id = old.event_id
