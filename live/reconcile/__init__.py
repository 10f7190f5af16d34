"""Reconciling: what Redis, Postgres, the bank and the channels say, compared; and what is off, compensated."""
