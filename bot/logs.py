"""Logging: one line of JSON an event, codes and numbers only. A patient's words never reach a log."""

import logging
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import structlog

from bot.log_secrets import Hider, LineFormatter, say_crashes, where

# Keys that may carry what a family said or who it is; whatever is logged under them is replaced.
SECRET = frozenset({"text", "content", "said", "payload", "body", "name", "phone", "token", "secret", "fields"})


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace what must not be logged."""
    return {key: "[redacted]" if key in SECRET else value for key, value in event.items()}


def configure(level: str, *, role: str, secrets: Iterable[str] = ()) -> None:
    """Log to standard error from `level` on, marked with the process's role; `secrets` stand in no line, whoever writes it."""
    number, hide = logging.getLevelNamesMapping()[level.upper()], Hider(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(role, hide))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])
    say_crashes(role, hide)
    # Both log a failed job with its whole trace; ours says what is to be known of it, once.
    for loud in ("procrastinate", "aiohttp.server"):
        logging.getLogger(loud).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            where,
            structlog.processors.JSONRenderer(ensure_ascii=False),
            lambda _, __, line: hide(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
