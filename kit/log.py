"""Structured logs: one line per event on standard error, as text for people or JSON for machines.

What libraries say through the standard library's ``logging`` comes out in the same form, from WARNING up; ``part`` is
the name of their logger. What a line is about stands in fields (``show_id=…``), never in its text. An error is one
field, ``error``: its type and its text. Its stack follows only at ERROR and above.
"""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LogFormat = Literal["text", "json"]

_HANDLER = "showdrop"
_WITH_STACK = frozenset({"error", "critical"})


def configure_logging(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Set the format for the whole process; called once by each role."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_error,
    ]
    renderer: Processor
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    else:
        # Plain traces: the pretty ones print local variables, and with them tokens and secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Each line is one write: the processes of a gateway share standard error, and must not cut into lines.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_library_records([_adopt_record, *shared], renderer)


def logger(part: str) -> FilteringBoundLogger:
    """Return the logger of one part of the program; ``part`` stands in every line."""
    bound: FilteringBoundLogger = structlog.get_logger(part=part)
    return bound


def about(**ids: str) -> AbstractContextManager[None]:
    """Give every line of this task these fields until the end of the block, whoever logs it."""
    return structlog.contextvars.bound_contextvars(**ids)


def _take_library_records(chain: list[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)


def _adopt_record(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the logger as ours do, and keep the message on one line."""
    event["part"] = event["_record"].name
    event["event"] = _one_line(event["event"])
    return event


def _name_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say the error in one field, and leave the stack away below ERROR."""
    error = _error_of(event.get("exc_info"))
    if error is not None:
        event.setdefault("error", _one_line(f"{type(error).__name__}: {error}"))
    if event["level"] not in _WITH_STACK:
        event.pop("exc_info", None)
        event.pop("stack_info", None)
    return event


def _error_of(exc_info: object) -> BaseException | None:
    """Return the error, in whichever of its three forms ``logging`` and structlog were given it."""
    if isinstance(exc_info, BaseException):
        return exc_info
    error = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
    return error if isinstance(error, BaseException) else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
