"""``showdrop check``: looks at a deployment and says what to fix."""
