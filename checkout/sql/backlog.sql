-- What waits, by the indexes that the stages take their rows by; of a long queue no more than is asked for is counted.
-- The first that a stage would take has waited longest: a new row is due at 0, and ids ascend with time. It waits since it
-- was due, or since it became what it is.

-- name: waiting
SELECT 'authorise' AS stage, count(*) AS waiting,
       coalesce(greatest(0, now_ms() - min(since)), 0)::bigint AS lag_ms
FROM (SELECT greatest(due_at_ms, created_at_ms) AS since FROM orders
      WHERE state = 'submitted' AND due_at_ms <= (SELECT now_ms())
      ORDER BY due_at_ms, order_id LIMIT $1) AS due
UNION ALL
SELECT 'settle', count(*), coalesce(greatest(0, now_ms() - min(since)), 0)::bigint
FROM (SELECT updated_at_ms AS since FROM orders
      WHERE state = 'authorised' ORDER BY created_at_ms, order_id LIMIT $1) AS due
UNION ALL
SELECT 'capture', count(*), coalesce(greatest(0, now_ms() - min(since)), 0)::bigint
FROM (SELECT greatest(due_at_ms, updated_at_ms) AS since FROM orders
      WHERE state = 'confirmed' AND due_at_ms <= (SELECT now_ms())
      ORDER BY due_at_ms, order_id LIMIT $1) AS due
UNION ALL
SELECT 'give_back', count(*), coalesce(greatest(0, now_ms() - min(since)), 0)::bigint
FROM (SELECT greatest(due_at_ms, updated_at_ms) AS since FROM orders
      WHERE state IN ('declined', 'cancelled', 'unfulfillable')
        AND (authorised > refunded + refund_reserved OR payment_open) AND due_at_ms <= (SELECT now_ms())
      ORDER BY due_at_ms, order_id LIMIT $1) AS due
UNION ALL
SELECT 'resolve', count(*), coalesce(greatest(0, now_ms() - min(since)), 0)::bigint
FROM (SELECT greatest(resolve_at_ms, updated_at_ms) AS since FROM orders
      WHERE hold_outcome IS NOT NULL AND NOT hold_resolved AND resolve_at_ms <= (SELECT now_ms())
      ORDER BY resolve_at_ms, order_id LIMIT $1) AS due
UNION ALL
SELECT 'outbox', count(*), coalesce(greatest(0, now_ms() - min(since)), 0)::bigint
FROM (SELECT created_at_ms AS since FROM outbox WHERE NOT done ORDER BY outbox_id LIMIT $1) AS due
