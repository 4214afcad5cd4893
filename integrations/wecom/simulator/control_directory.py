"""Control API: members come, change and leave; apps that ask for it hear of it by `change_contact`."""

from aiohttp import web
from pydantic import ValidationError

from integrations.wecom.simulator.config import MemberConfig
from integrations.wecom.simulator.control_http import member_of, read_object, sim_of, to_json
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Member
from integrations.wecom.simulator.xml import Xml

CHANGEABLE = {"name", "departments", "active"}


async def add_member(request: web.Request) -> web.Response:
    """A member joins the corp."""
    sim = sim_of(request)
    given = _member(await read_object(request))
    if given.userid in sim.world.members:
        raise ControlError(409, f"member {given.userid} exists")
    if given.userid in sim.world.departed:
        sim.world.departed.remove(given.userid)
    member = sim.add_member(given)
    _tell(sim, "create_user", member.userid, _fields(member, {"name", "departments", "active"}))
    return to_json({"userid": member.userid})


async def change_member(request: web.Request) -> web.Response:
    """A member gets another name or other departments, logs in or not."""
    sim, userid = member_of(request)
    body = await read_object(request)
    if not body or not body.keys() <= CHANGEABLE:
        raise ControlError(400, f"a change names {', '.join(sorted(CHANGEABLE))}")
    member = sim.world.members[userid]
    given = _member({"userid": userid, "name": member.name, **body})
    for name in body:
        setattr(member, name, getattr(given, name))
    _tell(sim, "update_user", userid, _fields(member, set(body)))
    return to_json({"userid": userid})


async def remove_member(request: web.Request) -> web.Response:
    """A member leaves the corp, and with it every kf account; a member of the configuration does not come back with a restart."""
    sim, userid = member_of(request)
    del sim.world.members[userid]
    sim.world.departed.append(userid)
    for account in sim.world.accounts.values():
        account.servicers.pop(userid, None)
    _tell(sim, "delete_user", userid, {})
    return to_json({"userid": userid})


def _member(body: dict[str, object]) -> MemberConfig:
    try:
        return MemberConfig.model_validate(body)
    except ValidationError as err:
        raise ControlError(400, f"member: {err.errors()[0]['msg']}") from err


def _fields(member: Member, changed: set[str]) -> dict[str, Xml]:
    fields: dict[str, Xml] = {}
    if "name" in changed:
        fields["Name"] = member.name
    if "departments" in changed:
        fields["Department"] = ",".join(map(str, member.departments))
        fields["MainDepartment"] = member.departments[0] if member.departments else 1
    if "active" in changed:
        fields["Status"] = 1 if member.active else 4
    return fields


def _tell(sim: Simulator, change: str, userid: str, fields: dict[str, Xml]) -> None:
    for app in sim.config.apps:
        if app.contact_changes and (app.visible is None or userid in app.visible):
            sim.callback(
                app, {"MsgType": "event", "Event": "change_contact", "ChangeType": change, "UserID": userid, **fields}, sender="sys"
            )


ROUTES = [
    web.post("/sim/members", add_member),
    web.post("/sim/members/{userid}/change", change_member),
    web.delete("/sim/members/{userid}", remove_member),
]
