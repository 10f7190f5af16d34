"""The rehearsal: a scripted show with real viewers against a running server, and a verified report of it."""
