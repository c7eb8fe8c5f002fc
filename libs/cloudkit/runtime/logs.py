"""Logs: one line each, JSON for machines or coloured text for people, all in one shape.

Keys: ``time, level, event, service`` and the fields of the message. What libraries log through the
standard library comes in the same shape from level warning up, with the library's ``logger``.
"""

import logging
import sys
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cloudkit.runtime.settings import LogFormat, LogLevel

LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def configure_logs(
    service: str,
    *,
    level: LogLevel = LogLevel.INFO,
    format: LogFormat = LogFormat.AUTO,
    stream: TextIO | None = None,
) -> None:
    """Log everything of this process to *stream* (standard error), as *service*."""
    target = stream or sys.stderr
    shape = _shape(service)
    renderer = _renderer(format, target)
    structlog.configure(
        processors=[*shape, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,  # a logger of a module must follow when this is called again
    )
    _route_the_standard_library(shape, renderer, target)


def _shape(service: str) -> list[Processor]:
    def name_the_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_the_service,
    ]


def _renderer(format: LogFormat, stream: TextIO) -> list[Processor]:
    pretty = stream.isatty() if format is LogFormat.AUTO else format is LogFormat.CONSOLE
    if pretty:
        # A plain traceback: the rich one shows local variables, tokens among them.
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
        return [console]
    return [structlog.processors.format_exc_info, _in_reading_order, _as_json]


def _in_reading_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    head = {key: event.pop(key) for key in ("time", "level", "event", "service") if key in event}
    return head | dict(event)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _route_the_standard_library(shape: list[Processor], renderer: list[Processor], stream: TextIO) -> None:
    without_meta: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shape, structlog.stdlib.add_logger_name],
            processors=without_meta + renderer,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
