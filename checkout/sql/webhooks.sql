-- Webhooks out: endpoints, the way from the outbox into their queues, sending, and looking back.

-- name: lock_endpoints
-- Whoever adds one waits for whoever else does, so that they are counted.
SELECT pg_advisory_xact_lock($1)

-- name: count_endpoints
SELECT count(*) FROM webhook_endpoints WHERE NOT removed AND endpoint_id <> $1

-- name: add_endpoint
-- A repeat of the request finds what the first one made.
INSERT INTO webhook_endpoints (endpoint_id, url, events, description) VALUES ($1, $2, $3::text[], $4)
ON CONFLICT (endpoint_id) DO NOTHING

-- name: add_secret
INSERT INTO webhook_secrets (endpoint_id, secret_id, salt) VALUES ($1, $2, $3)
ON CONFLICT (endpoint_id, secret_id) DO NOTHING

-- name: secret_made_by
SELECT salt FROM webhook_secrets WHERE endpoint_id = $1 AND secret_id = $2

-- name: count_live_secrets
SELECT count(*) FROM webhook_secrets WHERE endpoint_id = $1 AND (ends_at_ms IS NULL OR ends_at_ms > now_ms())

-- name: retire_secrets
-- A shorter overlap also shortens that of older ones: the last word is the one that counts when a secret leaked.
UPDATE webhook_secrets SET ends_at_ms = least(ends_at_ms, now_ms() + $2::bigint)
WHERE endpoint_id = $1 AND (ends_at_ms IS NULL OR ends_at_ms > now_ms() + $2::bigint)

-- name: endpoints
SELECT endpoint_id, url, events, description, enabled, disabled_reason, failing_since_ms, created_at_ms
FROM webhook_endpoints
WHERE NOT removed
ORDER BY endpoint_id

-- name: endpoint_by_id
SELECT endpoint_id, url, events, description, enabled, disabled_reason, failing_since_ms, created_at_ms
FROM webhook_endpoints
WHERE endpoint_id = $1 AND NOT removed

-- name: lock_endpoint
SELECT endpoint_id, url, events, description, enabled, disabled_reason, failing_since_ms, created_at_ms
FROM webhook_endpoints
WHERE endpoint_id = $1 AND NOT removed
FOR NO KEY UPDATE

-- name: enable_endpoint
UPDATE webhook_endpoints SET enabled = true, disabled_reason = NULL, failing_since_ms = NULL
WHERE endpoint_id = $1 AND NOT removed
RETURNING endpoint_id, url, events, description, enabled, disabled_reason, failing_since_ms, created_at_ms

-- name: remove_endpoint
UPDATE webhook_endpoints SET removed = true WHERE endpoint_id = $1 AND NOT removed RETURNING endpoint_id

-- name: take_news
-- The buyer's relay goes first, so that the two do not lock each other's rows. What changes in an order was written with
-- the news, the rest comes from the order. (The amount of news about a refund is what went back.)
SELECT outbox.outbox_id, outbox.event_key, outbox.kind, outbox.order_id, outbox.hold_id, outbox.show_id,
       outbox.buyer_id, outbox.state, outbox.refunded, outbox.created_at_ms AS at_ms, orders.pool_id, orders.sku,
       orders.quantity, orders.amount, orders.currency, orders.payment_method, orders.created_at_ms, orders.shipping,
       CASE WHEN outbox.state = orders.state THEN orders.reason END AS reason,
       CASE WHEN outbox.state NOT IN ('submitted', 'authorised') THEN orders.confirmed_at_ms END AS confirmed_at_ms
FROM outbox JOIN orders USING (order_id)
WHERE NOT outbox.hooked AND (outbox.done OR outbox.created_at_ms <= (SELECT now_ms()) - $2::bigint)
ORDER BY outbox.outbox_id
LIMIT $1
FOR UPDATE OF outbox SKIP LOCKED

-- name: subscribers
-- KEY SHARE: none of them is deleted before the deliveries are in.
SELECT endpoint_id, events FROM webhook_endpoints WHERE enabled AND NOT removed ORDER BY endpoint_id FOR KEY SHARE

-- name: add_events
INSERT INTO webhook_events (event_id, kind, body, test)
SELECT event_id, kind, body, $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS given (event_id, kind, body)
ON CONFLICT (event_id) DO NOTHING

-- name: add_deliveries
INSERT INTO webhook_deliveries (delivery_id, event_id, endpoint_id, message_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (event_id, endpoint_id) DO NOTHING

-- name: mark_hooked
UPDATE outbox SET hooked = true WHERE outbox_id = ANY ($1::bigint[])

-- name: take_due
-- Endpoint by endpoint, each as many as it has room for, those with the fewest calls under way first: whoever is slow or
-- dead takes nothing from the others.
WITH due AS (
    SELECT next.delivery_id, endpoints.url, endpoints.room
    FROM (
        SELECT webhook_endpoints.endpoint_id, url,
               CASE WHEN failing_since_ms IS NULL THEN $3::integer ELSE $4::integer END - coalesce(calls, 0) AS room
        FROM webhook_endpoints
        LEFT JOIN unnest($1::text[], $2::integer[]) AS busy (endpoint_id, calls)
            ON busy.endpoint_id = webhook_endpoints.endpoint_id
        WHERE enabled AND NOT removed
        ORDER BY coalesce(calls, 0), random()
    ) AS endpoints
    CROSS JOIN LATERAL (
        SELECT delivery_id FROM webhook_deliveries
        WHERE webhook_deliveries.endpoint_id = endpoints.endpoint_id
          AND state = 'pending' AND due_at_ms <= (SELECT now_ms())
        ORDER BY due_at_ms
        LIMIT greatest(0, endpoints.room)
        FOR UPDATE SKIP LOCKED
    ) AS next
    LIMIT $5
), taken AS (
    UPDATE webhook_deliveries SET attempts = attempts + 1, takes = takes + 1, due_at_ms = now_ms() + $6::bigint
    FROM due
    WHERE webhook_deliveries.delivery_id = due.delivery_id
    RETURNING webhook_deliveries.delivery_id, endpoint_id, event_id, message_id, attempts, takes, due.url, due.room
)
SELECT taken.*, webhook_events.body,
       ARRAY(SELECT salt FROM webhook_secrets
             WHERE webhook_secrets.endpoint_id = taken.endpoint_id AND (ends_at_ms IS NULL OR ends_at_ms > now_ms())
             ORDER BY ends_at_ms DESC NULLS FIRST) AS salts
FROM taken JOIN webhook_events USING (event_id)

-- name: backlog
-- By the indexes of what is not done, and of a long queue no more than is asked for.
SELECT coalesce((SELECT greatest(0, now_ms() - created_at_ms) FROM outbox WHERE NOT hooked ORDER BY outbox_id LIMIT 1), 0)
           AS news_lag_ms,
       (SELECT count(*) FROM (
           SELECT FROM webhook_endpoints JOIN webhook_deliveries USING (endpoint_id)
           WHERE enabled AND NOT removed AND state = 'pending' AND due_at_ms <= (SELECT now_ms())
           LIMIT $1) AS waiting) AS due

-- name: lock_deliveries
-- In id order, so that two batches cannot lock up. Those that are gone meanwhile are left out.
SELECT delivery_id FROM webhook_deliveries WHERE delivery_id = ANY ($1::text[]) ORDER BY delivery_id FOR UPDATE

-- name: log_attempts
INSERT INTO webhook_attempts (delivery_id, number, started_at_ms, duration_ms, status, error, response)
SELECT given.*
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::integer[], $6::text[], $7::text[])
    AS given (delivery_id, number, started_at_ms, duration_ms, status, error, response)
JOIN webhook_deliveries USING (delivery_id)
ON CONFLICT (delivery_id, number) DO NOTHING

-- name: save_steps
-- Only of the latest taker: one whose lease ran out and who was overtaken decides nothing any more.
UPDATE webhook_deliveries
SET state = given.state, last_status = given.status, last_error = given.error,
    due_at_ms = now_ms() + given.wait_ms,
    ended_at_ms = CASE WHEN given.state = 'pending' THEN NULL ELSE now_ms() END
FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::integer[], $6::text[])
    AS given (delivery_id, take, state, wait_ms, status, error)
WHERE webhook_deliveries.delivery_id = given.delivery_id AND takes = given.take AND webhook_deliveries.state = 'pending'

-- name: judge_endpoints
-- An endpoint that took anything in this batch works. In id order, so that two batches cannot lock up; in the usual case
-- nothing changes and no row is locked.
WITH given AS (
    SELECT endpoint_id, bool_or(took) AS took, bool_or(gone) AS gone
    FROM unnest($1::text[], $2::boolean[], $3::boolean[]) AS given (endpoint_id, took, gone)
    GROUP BY endpoint_id
), changed AS (
    SELECT endpoint_id, gone, took,
           failing_since_ms IS NOT NULL AND failing_since_ms <= now_ms() - $4::bigint AS too_long
    FROM webhook_endpoints JOIN given USING (endpoint_id)
    WHERE enabled
      AND (gone OR (took AND failing_since_ms IS NOT NULL)
           OR (NOT took AND (failing_since_ms IS NULL OR failing_since_ms <= now_ms() - $4::bigint)))
    ORDER BY endpoint_id
    FOR NO KEY UPDATE OF webhook_endpoints
)
UPDATE webhook_endpoints
SET failing_since_ms = CASE WHEN changed.took THEN NULL ELSE coalesce(failing_since_ms, now_ms()) END,
    enabled = NOT changed.gone AND (changed.took OR NOT changed.too_long),
    disabled_reason = CASE WHEN changed.gone THEN 'gone' WHEN changed.too_long AND NOT changed.took THEN 'failing' END
FROM changed
WHERE webhook_endpoints.endpoint_id = changed.endpoint_id
RETURNING webhook_endpoints.endpoint_id, enabled, disabled_reason

-- name: deliveries_page
-- Newest first.
SELECT webhook_deliveries.*, webhook_events.kind
FROM webhook_deliveries JOIN webhook_events USING (event_id)
WHERE endpoint_id = $1 AND ($2::text IS NULL OR state = $2)
  AND ($3::text IS NULL OR (webhook_deliveries.created_at_ms, delivery_id) < (
      SELECT last.created_at_ms, last.delivery_id FROM webhook_deliveries AS last WHERE last.delivery_id = $3))
ORDER BY webhook_deliveries.created_at_ms DESC, delivery_id DESC
LIMIT $4

-- name: failed_page
-- The same with the state written out, so that the index of those is used: they are few among many.
SELECT webhook_deliveries.*, webhook_events.kind
FROM webhook_deliveries JOIN webhook_events USING (event_id)
WHERE endpoint_id = $1 AND state = 'failed'
  AND ($2::text IS NULL OR (webhook_deliveries.created_at_ms, delivery_id) < (
      SELECT last.created_at_ms, last.delivery_id FROM webhook_deliveries AS last WHERE last.delivery_id = $2))
ORDER BY webhook_deliveries.created_at_ms DESC, delivery_id DESC
LIMIT $3

-- name: delivery_by_id
SELECT webhook_deliveries.*, webhook_events.kind, webhook_events.body
FROM webhook_deliveries JOIN webhook_events USING (event_id)
WHERE delivery_id = $1 AND endpoint_id = $2

-- name: attempts_of
SELECT number, started_at_ms, duration_ms, status, error, response
FROM webhook_attempts WHERE delivery_id = $1
ORDER BY number DESC
LIMIT $2

-- name: replay_one
UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at_ms = 0, ended_at_ms = NULL
WHERE delivery_id = $1 AND endpoint_id = $2
RETURNING delivery_id

-- name: replay_range
-- Oldest first, one more than may be sent again, which is where the next call begins. In id order, as all who lock
-- deliveries.
WITH found AS (
    SELECT delivery_id, created_at_ms
    FROM webhook_deliveries
    WHERE endpoint_id = $1 AND created_at_ms >= $2 AND created_at_ms < $3 AND (NOT $4 OR state = 'failed')
      AND ($5::text IS NULL OR (created_at_ms, delivery_id) > (
          SELECT last.created_at_ms, last.delivery_id FROM webhook_deliveries AS last WHERE last.delivery_id = $5))
    ORDER BY created_at_ms, delivery_id
    LIMIT $6 + 1
), wanted AS (
    SELECT delivery_id, created_at_ms FROM found ORDER BY created_at_ms, delivery_id LIMIT $6
), locked AS (
    SELECT webhook_deliveries.delivery_id
    FROM webhook_deliveries JOIN wanted USING (delivery_id)
    ORDER BY webhook_deliveries.delivery_id
    FOR UPDATE OF webhook_deliveries
), replayed AS (
    UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at_ms = 0, ended_at_ms = NULL
    FROM locked
    WHERE webhook_deliveries.delivery_id = locked.delivery_id
    RETURNING webhook_deliveries.delivery_id
)
SELECT (SELECT count(*) FROM replayed) AS replayed,
       CASE WHEN (SELECT count(*) FROM found) > $6
            THEN (SELECT delivery_id FROM wanted ORDER BY created_at_ms DESC, delivery_id DESC LIMIT 1) END AS next

-- name: recent_events
SELECT body FROM webhook_events WHERE kind = $1 AND NOT test ORDER BY created_at_ms DESC LIMIT $2

-- name: purge_events
WITH old AS (
    SELECT event_id FROM webhook_events
    WHERE created_at_ms < now_ms() - $1::bigint
    ORDER BY created_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM webhook_events USING old WHERE webhook_events.event_id = old.event_id

-- name: purge_removed
WITH theirs AS (
    SELECT delivery_id FROM webhook_deliveries
    JOIN webhook_endpoints USING (endpoint_id)
    WHERE removed
    LIMIT $1
    FOR UPDATE OF webhook_deliveries SKIP LOCKED
)
DELETE FROM webhook_deliveries USING theirs WHERE webhook_deliveries.delivery_id = theirs.delivery_id

-- name: purge_endpoints
DELETE FROM webhook_endpoints
WHERE removed AND NOT EXISTS (
    SELECT FROM webhook_deliveries WHERE webhook_deliveries.endpoint_id = webhook_endpoints.endpoint_id)

-- name: purge_secrets
DELETE FROM webhook_secrets WHERE ends_at_ms < now_ms() - $1::bigint
