"""A portrait as JSON: the read model's own names, days and moments in ISO 8601."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

from tagging.portrait.portrait import Portrait
from tagging.risk.score import RiskScore

VERSION = 1


def as_json(portrait: Portrait) -> dict[str, Any]:
    """A structure that json.dumps takes as it is. `version` changes when a name or a meaning does."""
    return {"version": VERSION, **_plain(portrait)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        known = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, RiskScore):
            known |= {"name": value.name, "version": value.version, "source": value.source, "caution": value.caution, "tag": value.tag}
        return known
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
