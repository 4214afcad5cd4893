"""``change_contact``: somebody came, changed or left, a department too (doc:90970, 90971).

WeCom sends them to an app whose settings ask for directory changes, and only about what the app may see. They may be lost or come in
another order, so they bring news early; the truth is ``directory.members``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["create", "update", "delete"]


@dataclass(frozen=True)
class MemberChange:
    """A member came, changed or left; a field that did not change is None. ``new_userid`` is what the id is from now on."""

    change: Change
    userid: str
    new_userid: str | None = None
    name: str | None = None
    department: tuple[int, ...] | None = None
    status: int | None = None


@dataclass(frozen=True)
class DepartmentChange:
    """A department came, changed or went; a field that did not change is None."""

    change: Change
    id: int
    name: str | None = None
    parentid: int | None = None


_MEMBER: dict[str, Change] = {"create_user": "create", "update_user": "update", "delete_user": "delete"}
_DEPARTMENT: dict[str, Change] = {"create_party": "create", "update_party": "update", "delete_party": "delete"}


def read_contact_change(fields: Mapping[str, Any]) -> MemberChange | DepartmentChange | None:
    """The change in an opened callback; None when it is about something else, or says too little to be used."""
    if fields.get("Event") != "change_contact":
        return None
    kind = fields.get("ChangeType")
    if kind in _MEMBER and (userid := _text(fields, "UserID")):
        return MemberChange(
            _MEMBER[kind],
            userid,
            new_userid=_text(fields, "NewUserID"),
            name=_text(fields, "Name"),
            department=_numbers(fields, "Department"),
            status=_number(fields, "Status"),
        )
    if kind in _DEPARTMENT and (number := _number(fields, "Id")) is not None:
        return DepartmentChange(_DEPARTMENT[kind], number, name=_text(fields, "Name"), parentid=_number(fields, "ParentId"))
    return None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = _text(fields, name)
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else None


def _numbers(fields: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    value = _text(fields, name)
    parts = [] if value is None else value.split(",")
    return tuple(int(each) for each in parts) if parts and all(each.isascii() and each.isdigit() for each in parts) else None
