"""When a callback came, if it waited at the edge: the platform's signature is of then, not of now."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.edge.envelope import Key

RECEIVED = "X-CareLoop-Received"
# Older news is of no use to anybody: WeCom itself keeps messages for three days.
OLDEST = timedelta(days=7)


def received(key: Key, path: str, at: str) -> str:
    """The header by which the link says that `path` (with its query) was asked for at `at` (ISO 8601)."""
    return f"{at};{_mac(key, path, at)}"


def received_at(headers: Mapping[str, str], path: str, key: Key | None, now: datetime) -> datetime:
    """When a callback came: what the link says of it, if it is the link that says so, else `now`."""
    at, _, given = headers.get(RECEIVED, "").partition(";")
    if key is None or not re.fullmatch(r"[0-9T:.+-]{20,40}", at):
        return now
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), _mac(key, path, at).encode()):
        return now
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return now
    return then.astimezone(UTC) if then.tzinfo is not None and now - OLDEST <= then <= now else now


def _mac(key: Key, path: str, at: str) -> str:
    return hmac.digest(key.secret, f"received\n{path}\n{at}".encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
