"""The HTTP API and the pages: one file per noun, over a small typed endpoint layer."""
