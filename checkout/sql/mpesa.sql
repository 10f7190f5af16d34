-- M-Pesa: what was asked of Daraja, written before it is asked. See payments/mpesa_http.py.

-- name: open_request
-- The first with a key asks; nobody after it does.
INSERT INTO mpesa_requests (idempotency_key, order_id, phone, amount)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING idempotency_key

-- name: forget_request
-- Daraja certainly did not hear it, so it was never asked.
DELETE FROM mpesa_requests WHERE idempotency_key = $1 AND state = 'asked' AND checkout_request_id IS NULL

-- name: request_by_key
SELECT *, now_ms() AS read_at_ms FROM mpesa_requests WHERE idempotency_key = $1

-- name: request_by_payment
SELECT *, now_ms() AS read_at_ms FROM mpesa_requests WHERE checkout_request_id = $1

-- name: request_accepted
-- Nothing is returned when its callback was quicker and brought another id.
UPDATE mpesa_requests
SET checkout_request_id = $2, state = CASE WHEN state = 'asked' THEN 'pushed' ELSE state END
WHERE idempotency_key = $1 AND coalesce(checkout_request_id, $2) = $2
RETURNING idempotency_key

-- name: request_failed
-- Not the last word: a payment that comes after all makes it paid.
UPDATE mpesa_requests SET state = $2, reason = $3 WHERE idempotency_key = $1 AND state <> 'paid'

-- name: request_paid
UPDATE mpesa_requests
SET state = 'paid', checkout_request_id = $2, paid = coalesce(paid, $3), receipt = coalesce(receipt, $4), reason = NULL
WHERE idempotency_key = $1 AND coalesce(checkout_request_id, $2) = $2
RETURNING idempotency_key

-- name: keep_receipt
UPDATE mpesa_requests SET receipt = $2 WHERE idempotency_key = $1 AND coalesce(receipt, $2) = $2
RETURNING idempotency_key

-- name: callbacks_of_order
SELECT body, received_at_ms FROM payment_events
WHERE provider = 'mpesa' AND order_id = $1 AND kind = 'mpesa.pay' AND body IS NOT NULL
ORDER BY received_at_ms DESC, event_id
LIMIT $2

-- name: results_of
SELECT body FROM payment_events
WHERE provider = 'mpesa' AND order_id = $1 AND kind = $2 AND payment_id = $3 AND body IS NOT NULL
ORDER BY received_at_ms DESC, event_id
LIMIT $4

-- name: open_check
INSERT INTO mpesa_checks (check_id, order_id, subject) VALUES ($1, $2, $3)
ON CONFLICT (order_id, subject) DO NOTHING

-- name: check_of
SELECT * FROM mpesa_checks WHERE order_id = $1 AND subject = $2

-- name: take_check
-- One caller asks; the others wait for what it hears.
UPDATE mpesa_checks SET asked_at_ms = now_ms() WHERE check_id = $1 AND asked_at_ms <= now_ms() - $2::bigint
RETURNING check_id

-- name: check_asked
UPDATE mpesa_checks SET conversation_id = $2 WHERE check_id = $1

-- name: lock_request
SELECT *, now_ms() AS read_at_ms FROM mpesa_requests WHERE checkout_request_id = $1 FOR UPDATE

-- name: reversal_by_key
SELECT *, now_ms() AS read_at_ms FROM mpesa_reversals WHERE idempotency_key = $1

-- name: reversed_of_payment
-- All that went back or may have; one that was refused did not.
SELECT coalesce(sum(amount), 0)::bigint FROM mpesa_reversals
WHERE checkout_request_id = $1 AND idempotency_key <> $2 AND state <> 'refused'

-- name: open_reversal
-- A new id each time: what is posted about an attempt that was refused says nothing about the next.
INSERT INTO mpesa_reversals (idempotency_key, reversal_id, checkout_request_id, order_id, receipt, amount)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (idempotency_key) DO UPDATE
SET reversal_id = excluded.reversal_id, state = 'asked', conversation_id = NULL, asked_at_ms = now_ms()
WHERE mpesa_reversals.state = 'refused'
RETURNING reversal_id

-- name: reversal_accepted
UPDATE mpesa_reversals SET state = 'accepted', conversation_id = $2 WHERE reversal_id = $1 AND state = 'asked'

-- name: end_reversal
UPDATE mpesa_reversals SET state = $2 WHERE reversal_id = $1 AND state IN ('asked', 'accepted')
