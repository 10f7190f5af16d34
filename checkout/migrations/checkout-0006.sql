-- depends: checkout-0005
-- What providers refused is counted apart from what they did not answer.

ALTER TABLE refunds ADD COLUMN refusals integer NOT NULL DEFAULT 0;  -- how often the provider said no
