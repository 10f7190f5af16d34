-- The bank behind the provider `test`.

-- name: open_payments
-- The first request with a key decides; the others get what it got.
INSERT INTO test_payments (payment_id, idempotency_key, order_id, method, amount, currency, state, capture_key, captured,
                           settles_at_ms, notify_at_ms)
SELECT payment_id, idempotency_key, order_id, method, amount, currency, state, capture_key, captured,
       now_ms() + slow_ms, now_ms() + slow_ms
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::bigint[])
    AS given (payment_id, idempotency_key, order_id, method, amount, currency, state, capture_key, captured, slow_ms)
ORDER BY idempotency_key
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING payment_id

-- name: settle_slow_payments
UPDATE test_payments SET state = 'authorised'
WHERE idempotency_key = ANY ($1::text[]) AND state = 'pending' AND settles_at_ms <= now_ms()

-- name: payments_by_key
SELECT * FROM test_payments WHERE idempotency_key = ANY ($1::text[])

-- name: capture_payments
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given (payment_id, amount, capture_key)
), locked AS (
    SELECT payment_id FROM test_payments WHERE payment_id = ANY ($1::text[]) ORDER BY payment_id FOR UPDATE
)
UPDATE test_payments AS payments
SET state = 'captured', captured = given.amount, capture_key = given.capture_key
FROM given JOIN locked USING (payment_id)
WHERE payments.payment_id = given.payment_id AND payments.state = 'authorised' AND given.amount <= payments.amount

-- name: captures
SELECT payment_id, capture_key, captured FROM test_payments WHERE payment_id = ANY ($1::text[])

-- name: void_payment
UPDATE test_payments SET state = 'voided', notify_at_ms = NULL
WHERE payment_id = $1 AND state IN ('pending', 'authorised', 'declined', 'voided')
RETURNING payment_id

-- name: lock_payment
SELECT * FROM test_payments WHERE payment_id = $1 FOR UPDATE

-- name: refund_by_key
SELECT payment_id, amount FROM test_refunds WHERE idempotency_key = $1

-- name: insert_refund
INSERT INTO test_refunds (idempotency_key, payment_id, amount) VALUES ($1, $2, $3)

-- name: add_refunded
UPDATE test_payments SET refunded = refunded + $2 WHERE payment_id = $1

-- name: take_webhooks
WITH due AS (
    SELECT payment_id FROM test_payments
    WHERE notify_at_ms <= (SELECT now_ms())
    ORDER BY notify_at_ms
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE test_payments
SET state = CASE WHEN state = 'pending' THEN 'authorised' ELSE state END,
    notify_attempts = notify_attempts + 1,
    notify_at_ms = now_ms() + $2
FROM due
WHERE test_payments.payment_id = due.payment_id
RETURNING test_payments.*

-- name: webhook_arrived
UPDATE test_payments SET notify_at_ms = NULL WHERE payment_id = ANY ($1::text[])

-- name: postpone_webhook
UPDATE test_payments SET notify_at_ms = now_ms() + $2 WHERE payment_id = $1 AND notify_at_ms IS NOT NULL
