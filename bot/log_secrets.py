"""What keeps words and secrets out of logs where nobody chose the words: other libraries' lines, exceptions, crashes.

An exception's text may hold anything (a row that the database refused, an address with a token), so it is never written; its class, its
code and the places in the code are.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any

from pydantic import BaseModel, SecretStr

# A line of another library: its first line, which its authors wrote; what it quotes comes behind.
LONGEST = 200
# The innermost places of a failure that are told.
PLACES = 12
HIDDEN = "[secret]"
# Shorter ones would be found in words that are none.
SHORTEST = 6


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """All values of these settings that are secrets; of a database's address its password too."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, BaseModel):
                yield from secrets_of(each)
            elif isinstance(each, SecretStr):
                said = each.get_secret_value()
                yield said
                if "://" in said and "@" in said:
                    yield said.rpartition("@")[0].rpartition(":")[2]


class Hider:
    """Takes known secrets out of finished lines, whoever wrote them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for each in self._secrets:
            line = line.replace(each, HIDDEN)
        return line


def places(trace: TracebackType | None) -> list[str]:
    """Where it went wrong, the innermost last: file, line and function; no values."""
    found = [f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{line} {frame.f_code.co_name}" for frame, line in walk_tb(trace)]
    return found[-PLACES:]


def where(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: in place of an exception that is being handled, where it comes from."""
    given = event.pop("exc_info", None)
    if isinstance(given, BaseException):
        event["where"] = places(given.__traceback__)
    elif given:
        event["where"] = places((given if isinstance(given, tuple) else sys.exc_info())[2])
    return event


class LineFormatter(logging.Formatter):
    """Other libraries' lines as ours: JSON, the first line of what they say, of an exception its class and places."""

    def __init__(self, role: str, hide: Hider) -> None:
        super().__init__()
        self._role, self._hide = role, hide

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        try:
            said = record.getMessage()
        except Exception:
            said = str(record.msg)
        line = {"event": said.partition("\n")[0][:LONGEST], "logger": record.name, **_told(record.exc_info)}
        return self._hide(_line(line, record.levelname.lower(), self._role))


def say_crashes(role: str, hide: Hider) -> None:
    """Let a crash of the process, or of a thread, say what and where, and not with what."""

    def crashed(kind: type[BaseException], err: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return sys.__excepthook__(kind, err or kind(), trace)
        event = {"event": "crashed", **_told((kind, err or kind(), trace))}
        sys.stderr.write(hide(_line(event, "critical", role)) + "\n")

    sys.excepthook = crashed
    threading.excepthook = lambda given: crashed(given.exc_type, given.exc_value, given.exc_traceback)


def _told(given: Any) -> dict[str, Any]:
    kind, err, trace = given if isinstance(given, tuple) else (None, None, None)
    if kind is None:
        return {}
    told = {"error": kind.__name__, "where": places(trace)}
    code = getattr(err, "code", None)
    return told | ({"code": code} if isinstance(code, str | int) else {})


def _line(event: dict[str, Any], level: str, role: str) -> str:
    return json.dumps({**event, "level": level, "role": role, "timestamp": datetime.now(UTC).isoformat()}, ensure_ascii=False)
