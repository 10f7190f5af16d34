"""Is it paid and recorded? Orders, payments, settlement, reports."""
