"""Prometheus metrics: one registry per role, so that two roles in one process do not mix."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST


def new_registry() -> CollectorRegistry:
    """Return an empty registry; a role passes it to its parts."""
    return CollectorRegistry(auto_describe=True)


def render_metrics(registry: CollectorRegistry) -> bytes:
    """Return the text exposition of a registry."""
    return generate_latest(registry)
