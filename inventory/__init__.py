"""Can we still sell it? Catalogue, stock ledger, pools and holds, channels."""
