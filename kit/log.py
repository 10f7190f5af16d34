"""Structured logs: one line per event on standard error, as text for people or JSON for machines."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger, Processor

LogFormat = Literal["text", "json"]


def configure_logging(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Set the format for the whole process; called once by each role."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        # Plain traces: the pretty ones print local variables, and with them tokens and secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def logger(part: str) -> FilteringBoundLogger:
    """Return the logger of one part of the program; ``part`` stands in every line."""
    bound: FilteringBoundLogger = structlog.get_logger(part=part)
    return bound
