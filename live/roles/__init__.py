"""One composition root per role: each builds its parts, passes them in, and closes them in reverse order."""
