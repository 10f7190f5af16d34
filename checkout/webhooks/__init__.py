"""Webhooks out: merchants' own servers and no-code tools hear what becomes of orders."""
