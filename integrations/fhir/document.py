"""A FHIR document as plain JSON: bounded when parsed, and looked into without trust."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

# FHIR resources nest some ten levels deep; contained ones and answers within answers a few more.
MAX_DEPTH = 40
# Of one repeating element; a bundle's entries have a bound of their own.
MAX_ITEMS = 1_000
# Longer words than this are not a name, a code or an instruction.
MAX_TEXT = 4_000


class FhirError(Exception):
    """A document cannot be read. `path` says where (`Bundle.entry[3].resource`), `code` why; the document's own words are in neither."""

    def __init__(self, code: str, *, path: str = "", permanent: bool = True) -> None:
        super().__init__(f"{code} at {path}" if path else code)
        self.code, self.permanent, self.path = code, permanent, path


def parse(body: bytes | str, *, max_bytes: int) -> dict[str, Any]:
    """The JSON object in `body`, its decimals as they were written. Raises FhirError (too_large, not_json, too_deep, not_a_resource)."""
    if len(body) > max_bytes:
        raise FhirError("too_large")
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError as err:
        raise FhirError("too_deep") from err
    except ValueError as err:
        # Also a number of more digits than Python takes, and bytes that are not UTF-8.
        raise FhirError("not_json") from err
    return resource(found)


def resource(found: Any) -> dict[str, Any]:
    """`found` as a resource whose nesting is bounded. Raises FhirError (not_a_resource, too_deep)."""
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str) or not KIND.fullmatch(found["resourceType"]):
        raise FhirError("not_a_resource")
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [each for node in level for each in (node.values() if isinstance(node, dict) else node) if isinstance(each, dict | list)]
        if not level:
            return found
    raise FhirError("too_deep")


def _refuse(constant: str) -> None:
    raise ValueError(constant)


# FHIR R4's own patterns (datatypes): the name of a type, an id, a date or instant of any precision.
KIND = re.compile(r"[A-Z][A-Za-z]{1,63}")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?)?)?")


def dig(node: Any, *path: str) -> Any:
    """What stands at `path`, the first of a list at every step; None where anything is missing or of another shape."""
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, list):
            node = node[0] if node else None
    return node


def text(node: Any, *path: str, most: int = MAX_TEXT) -> str | None:
    """The words at `path`, `most` characters of them, without blanks around them and without characters that no text holds; None where
    there are none."""
    found = dig(node, *path)
    if not isinstance(found, str):
        return None
    found = "".join(char for char in found[:most] if char >= " " or char in "\n\t")
    # Half a surrogate pair is valid JSON and no Unicode: neither the database nor a log would take it.
    return found.encode("utf-8", "ignore").decode("utf-8").replace("\x7f", "").strip() or None


def items(node: Any, name: str) -> Iterator[dict[str, Any]]:
    """The objects of a repeating element, at most MAX_ITEMS of them."""
    found = node.get(name) if isinstance(node, dict) else None
    for each in found[:MAX_ITEMS] if isinstance(found, list) else [found]:
        if isinstance(each, dict):
            yield each


def number(node: Any, *path: str) -> str | None:
    """A number as it was written."""
    found = dig(node, *path)
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        return None
    written = str(found)
    return written if len(written) <= 40 else None


def moment(node: Any, *path: str, zone: tzinfo) -> datetime | None:
    """A date or instant in UTC: what it leaves out is its beginning, where it names no offset `zone` counts."""
    found = text(node, *path)
    match = _TIME.fullmatch(found) if found else None
    if match is None:
        return None
    year, month, day, clock, offset = match.groups()
    clock = re.sub(r"(\.\d{6})\d+", r"\1", clock or "00:00")
    try:
        at = datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}T{clock}{'' if offset in (None, 'Z') else offset}")
        return at.replace(tzinfo=at.tzinfo or (UTC if offset == "Z" else zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(node: Any, *path: str) -> date | None:
    """The calendar day at `path`, never moved by an offset; None where only a month or a year is given."""
    found = text(node, *path)
    match = _TIME.fullmatch(found) if found else None
    if match is None or match[3] is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
