"""
What the server writes of itself: JSON, a line each, to a file or the standard error output.

Our own modules use structlog; what Twisted and others say from warnings on goes to the same place.
"""

import logging
import sys
from pathlib import Path
from typing import Any, Final, TextIO

import orjson
import structlog
from attrs import define
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from conf.settings import LoggingSettings

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


@define(eq=False)
class LogFile:
    """Where lines go: what structlog calls a logger."""

    path: Path | None
    _stream: TextIO

    @classmethod
    def open(cls, path: Path | None) -> "LogFile":
        """Raises OSError."""
        return cls(path, _open(path))

    def reopen(self) -> None:
        """Lines go to a new file of the same name, once another program has moved the old one away."""
        if self.path is not None:
            old, self._stream = self._stream, _open(self.path)
            old.close()

    def msg(self, line: str) -> None:
        """Writes a line."""
        self._stream.write(line + "\n")
        self._stream.flush()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


@implementer(ILogObserver)
@define(eq=False)
class TwistedWarnings:
    """Passes on what Twisted logs, from warnings on."""

    log: Any

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level < LogLevel.warn:
            return
        failure = event.get("log_failure")
        self.log.error(
            formatEvent(event),
            source=event.get("log_namespace"),
            **({} if failure is None else {"exception": failure.getTraceback()}),
        )


class StandardWarnings(logging.Handler):
    """Passes on what libraries log with the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(max(record.levelno, logging.DEBUG), record.getMessage(), source=record.name)


def start_logging(settings: LoggingSettings) -> LogFile:
    """Everything that is logged from now on is written as *settings* say.  Raises OSError."""
    file = LogFile.open(settings.file)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_serialize),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        logger_factory=lambda *_: file,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[StandardWarnings()], force=True)
    globalLogBeginner.beginLoggingTo([TwistedWarnings(structlog.get_logger())], redirectStandardIO=False)
    return file


def _serialize(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def _open(path: Path | None) -> TextIO:
    return sys.stderr if path is None else path.open("a", encoding="utf-8")
