"""Payment providers: one port, one file per provider."""
