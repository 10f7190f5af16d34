-- depends: inventory-0001
-- The waiting list's own hold time; and a book says by itself which server process it was begun on.

ALTER TABLE pools ADD COLUMN waitlist_hold_ttl_ms bigint NOT NULL DEFAULT 120000 CHECK (waitlist_hold_ttl_ms > 0);

DROP TABLE hold_book;
