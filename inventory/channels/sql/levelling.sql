-- Levels: working them out anew.

-- name: lock_bulk
SELECT pg_advisory_xact_lock($1)

-- name: lock_levels
-- Waits for movements under way and holds back new ones for a moment, so that none computes levels without knowing of
-- this change. (A statement takes this lock before it takes its snapshot.)
LOCK TABLE channel_levels IN SHARE ROW EXCLUSIVE MODE

-- name: level_every_sku
INSERT INTO channel_levels (channel_id, sku, desired, call_group)
SELECT channel_id, sku, wanted, CASE WHEN links_by_sku THEN '' END
FROM channel_wanted JOIN channels USING (channel_id)
WHERE channel_id = ANY ($1::text[])
ON CONFLICT (channel_id, sku) DO UPDATE
    SET desired = excluded.desired, version = channel_levels.version + 1, due_at_ms = 0,
        changed_at_ms = CASE WHEN channel_levels.told_version < channel_levels.version
                             THEN channel_levels.changed_at_ms ELSE now_ms() END
    WHERE channel_levels.desired <> excluded.desired

-- name: wake
SELECT pg_notify('showdrop_levels', '')
