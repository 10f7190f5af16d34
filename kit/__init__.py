"""Plumbing without a shopping word in it: everything above may import from here, nothing here imports from above."""
