-- What gateways count for a show's report.

-- name: count_claims
INSERT INTO claim_counts (show_id, result, claims)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (show_id, result) DO UPDATE SET claims = claim_counts.claims + excluded.claims

-- name: note_viewers
UPDATE shows SET peak_viewers = $2 WHERE show_id = $1 AND peak_viewers < $2
