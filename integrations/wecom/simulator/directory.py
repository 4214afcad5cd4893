"""通讯录, read only: departments and members."""

import hashlib
from typing import Any

from integrations.wecom.simulator.contacts import paginate
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Member
from integrations.wecom.simulator.validate import Int, Obj, Text

ACTIVE, INACTIVE = 1, 4


def _subtree(sim: Simulator, root: int) -> list[int]:
    if root not in sim.world.departments:
        raise ApiError(60003)
    found = [root]
    for number in found:
        found += [child for child, (_, parent) in sim.world.departments.items() if parent == number]
    return found


def _number(call: Call, name: str, default: int | None = None) -> int | None:
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ApiError(40058, f"invalid {name}")
    return int(text)


def department_list(call: Call) -> dict[str, Any]:
    """Departments below `id`, or all."""
    root = _number(call, "id")
    numbers = list(call.sim.world.departments) if root is None else _subtree(call.sim, root)
    departments = call.sim.world.departments
    return {
        "department": [
            {"id": n, "name": departments[n][0], "parentid": departments[n][1], "order": 100000 - index} for index, n in enumerate(numbers)
        ]
    }


def department_simplelist(call: Call) -> dict[str, Any]:
    """The same without names."""
    rows = department_list(call)["department"]
    return {"department_id": [{key: row[key] for key in ("id", "parentid", "order")} for row in rows]}


def _member_view(member: Member) -> dict[str, Any]:
    status = ACTIVE if member.active else INACTIVE
    return {
        "userid": member.userid,
        "name": member.name,
        "department": member.departments,
        "main_department": member.departments[0] if member.departments else 1,
        "status": status,
    }


def _members(call: Call) -> list[Member]:
    root = _number(call, "department_id")
    if root is None:
        raise ApiError(40058, "missing department_id")
    inside = set(_subtree(call.sim, root) if call.query.get("fetch_child") == "1" else _subtree(call.sim, root)[:1])
    visible = call.app.visible
    return [m for m in call.sim.world.members.values() if inside & set(m.departments) and (visible is None or m.userid in visible)]


def user_list(call: Call) -> dict[str, Any]:
    """Members of a department; with fetch_child=1 those below it too. Mobile and mail are not given to new apps."""
    return {"userlist": [_member_view(member) for member in _members(call)]}


def user_simplelist(call: Call) -> dict[str, Any]:
    """Ids, names and departments."""
    return {"userlist": [{"userid": m.userid, "name": m.name, "department": m.departments} for m in _members(call)]}


def user_get(call: Call) -> dict[str, Any]:
    """One member."""
    return _member_view(_member(call, call.query.get("userid", "")))


def _member(call: Call, userid: str) -> Member:
    if not userid:
        raise ApiError(41009)
    member = call.sim.world.members.get(userid)
    if member is None:
        raise ApiError(60111)
    if call.app.visible is not None and userid not in call.app.visible:
        raise ApiError(60011)
    return member


def user_list_id(call: Call) -> dict[str, Any]:
    """Every member's id with each of his departments, in pages."""
    rows = [{"userid": m.userid, "department": n} for m in call.sim.world.members.values() for n in m.departments]
    page, next_cursor = paginate(call.sim, rows, call.body.get("cursor"), call.body.get("limit") or 10_000, "user ids")
    return {"next_cursor": next_cursor, "dept_user": page}


def _openid(call: Call, userid: str) -> str:
    return "o" + hashlib.sha256(f"{call.sim.world.seal} {userid}".encode()).hexdigest()[:27]


def convert_to_openid(call: Call) -> dict[str, Any]:
    """A member's openid."""
    return {"openid": _openid(call, _member(call, call.body["userid"]).userid)}


def convert_to_userid(call: Call) -> dict[str, Any]:
    """The member with that openid."""
    for userid in call.sim.world.members:
        if _openid(call, userid) == call.body["openid"]:
            return {"userid": userid}
    raise ApiError(40073)


ENDPOINTS: dict[str, Endpoint] = {
    "department/list": Endpoint(department_list, methods=("GET",), reads_body=False),
    "department/simplelist": Endpoint(department_simplelist, methods=("GET",), reads_body=False),
    "user/list": Endpoint(user_list, methods=("GET",), reads_body=False),
    "user/simplelist": Endpoint(user_simplelist, methods=("GET",), reads_body=False),
    "user/get": Endpoint(user_get, methods=("GET",), reads_body=False),
    "user/list_id": Endpoint(user_list_id, Obj({"cursor": Text(), "limit": Int(lo=1, hi=10_000)})),
    "user/convert_to_openid": Endpoint(convert_to_openid, Obj({"userid": Text(required=True, missing=41009)})),
    "user/convert_to_userid": Endpoint(convert_to_userid, Obj({"openid": Text(required=True, missing=40073)})),
}
