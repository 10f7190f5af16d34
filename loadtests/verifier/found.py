"""What a check of the verifier returns."""

Found = tuple[str, list[str]]
"""What was counted, and one line per thing that is wrong."""
