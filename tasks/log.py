"""What happens in campaigns as JSON lines: an event a line, with campaign, reaction and what it cost."""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from chem.errors import ConfigurationError


def event_log(path: Path | None) -> structlog.typing.FilteringBoundLogger:
    """The log of a file, to which any number of processes append whole lines; None drops every event.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    return _opened(None if path is None else path.resolve())


@cache
def _opened(path: Path | None) -> structlog.typing.FilteringBoundLogger:
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(sort_keys=True),
    ]
    if path is None:
        processors, logger = [_dropped], structlog.PrintLogger()
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a", buffering=1, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"the log {path} cannot be written ({error}); give another path as log") from error
        atexit.register(file.close)
        logger = structlog.PrintLogger(file)
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        logger, processors=processors, wrapper_class=structlog.make_filtering_bound_logger("INFO")
    )
    return bound


def _dropped(_logger: Any, _name: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent
