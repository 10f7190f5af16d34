-- What of a show is deleted when it is long over.

-- name: delete_show_events
-- Show by show along the primary key: a look per ended show. The newest event stays: a reconciliation compares its
-- position with the show's.
WITH old AS (
    SELECT events.show_id, events.seq
    FROM shows CROSS JOIN LATERAL (
        SELECT show_id, seq FROM show_events
        WHERE show_events.show_id = shows.show_id AND show_events.seq < shows.seq AND relayed
        ORDER BY seq
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) AS events
    WHERE shows.state = 'ended' AND shows.ended_at_ms < (SELECT now_ms()) - $1::bigint
    LIMIT $2
)
DELETE FROM show_events USING old WHERE show_events.show_id = old.show_id AND show_events.seq = old.seq
