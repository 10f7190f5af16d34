-- depends: checkout-0004
-- Units that came back, cells of exported files, and what the housekeeping looks for.

-- Every row that is there has 0, so the new check need not read them all under its lock.
ALTER TABLE orders ADD COLUMN returned_quantity bigint NOT NULL DEFAULT 0;  -- units whose money went back
ALTER TABLE orders ADD CONSTRAINT orders_return_what_was_bought
    CHECK (returned_quantity >= 0 AND returned_quantity <= quantity) NOT VALID;
ALTER TABLE refunds ADD COLUMN quantity bigint;  -- units that come back with it; null: it was written before they were counted
ALTER TABLE refunds ADD CONSTRAINT refunds_of_units CHECK (quantity >= 0) NOT VALID;

-- A text as a cell of a CSV file: an apostrophe goes before what a spreadsheet may take for a formula (OWASP's list:
-- tab, line feed, carriage return, + - = @). The empty text becomes null, which COPY writes without quotes.
CREATE FUNCTION csv_cell(content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN ascii(content) IN (9, 10, 13, 43, 45, 61, 64) THEN '''' || content
                      WHEN content = '' THEN NULL
                      ELSE content END $$;

-- What is left of an event whose body was dropped still says that it was applied.
ALTER TABLE payment_events ALTER COLUMN body DROP NOT NULL;
CREATE INDEX payment_events_with_body ON payment_events (received_at_ms) WHERE body IS NOT NULL;
CREATE INDEX payment_events_without_body ON payment_events (received_at_ms) WHERE body IS NULL;
