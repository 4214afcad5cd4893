"""Limits of outgoing fields, checked before the call: WeCom counts bytes of UTF-8, not characters."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.wecom.errors import WecomError, bad_request


def size(text: str) -> int:
    """Bytes of ``text`` in UTF-8. Raises ``bad_request`` for half a surrogate pair."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as err:
        raise bad_request("text that is not Unicode") from err


def check_bytes(name: str, text: str, most: int, least: int = 0) -> str:
    """``text`` if it has ``least``..``most`` bytes. Raises ``bad_request`` (too short) or ``too_large``."""
    length = size(text)
    if length < least:
        raise bad_request(f"{name}: must not be empty")
    if length > most:
        raise WecomError("too_large", permanent=True, detail=f"{name}: {length} of {most} bytes")
    return text


def check_count(name: str, items: Sequence[Any], most: int, least: int = 0) -> list[Any]:
    """``items`` as a list if there are ``least``..``most``. Raises ``bad_request``."""
    if not least <= len(items) <= most:
        raise bad_request(f"{name}: {least}..{most} entries")
    return list(items)


def check_url(name: str, url: str, most: int = 2048) -> str:
    """``url`` if it has a scheme and at most ``most`` bytes."""
    if not url.startswith(("http://", "https://")):
        raise bad_request(f"{name}: needs http:// or https://")
    return check_bytes(name, url, most)


def check_unique(name: str, items: Sequence[Mapping[str, Any]], key: str) -> None:
    """Refuse two items with the same ``key``: an answer could not be told from another."""
    values = [item[key] for item in items if key in item]
    if len(set(values)) != len(values):
        raise bad_request(f"{name}: {key} twice")
