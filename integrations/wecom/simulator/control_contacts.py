"""Control API: friendships and mass messages (`/sim/members/{userid}/contacts`, `…/groupmsg/{msgid}/confirm`)."""

from aiohttp import web

from integrations.wecom.simulator import mass
from integrations.wecom.simulator.clock import iso
from integrations.wecom.simulator.contacts import contact_view, relations_of, tell
from integrations.wecom.simulator.control_http import member_of, read_object, sim_of, text_field, to_json
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.state import Relation, WelcomeCode, pair
from integrations.wecom.simulator.xml import Xml


async def add_contact(request: web.Request) -> web.Response:
    """Customer and member become friends; `half` means that the member has not accepted yet. The event carries a welcome code."""
    sim, userid = member_of(request)
    body = await read_object(request)
    who = text_field(body, "external_userid")
    if who not in sim.world.customers:
        raise ControlError(404, f"no customer {who}")
    old = sim.world.relations.get(pair(userid, who))
    if old and old.ended_by is None and not (old.half and not body.get("half")):
        raise ControlError(409, f"{who} already is a contact of {userid}")
    state = text_field(body, "state", old.state if old else "")
    sim.world.relations[pair(userid, who)] = Relation(userid, who, sim.now, state, half=bool(body.get("half")))
    fields: dict[str, Xml] = {"UserID": userid, "ExternalUserID": who, "State": state}
    code = sim.new_id("WELCOME", 40)
    sim.world.welcome_codes[code] = WelcomeCode(userid, who, sim.now)
    tell(sim, "add_half_external_contact" if body.get("half") else "add_external_contact", **fields, WelcomeCode=code)
    return to_json({"welcome_code": code})


async def cut_contact(request: web.Request) -> web.Response:
    """`?by=member` or `?by=customer` ends the friendship."""
    sim, userid = member_of(request)
    who, by = request.match_info["external_userid"], request.query.get("by", "customer")
    tie = sim.world.relations.get(pair(userid, who))
    if tie is None or tie.ended_by == "member":
        raise ControlError(404, f"{who} is no contact of {userid}")
    if by == "member":
        tie.ended_by = "member"
        tell(sim, "del_external_contact", UserID=userid, ExternalUserID=who)
    elif by == "customer":
        tie.ended_by = "customer"
        tell(sim, "del_follow_user", UserID=userid, ExternalUserID=who)
    else:
        raise ControlError(400, "by is member or customer")
    return to_json({})


async def show_contacts(request: web.Request) -> web.Response:
    """A member's customers with tags and notes."""
    sim, userid = member_of(request)
    return to_json(
        [
            {**contact_view(sim.customer(tie.external_userid)), "remark": tie.remark, "tag_id": tie.tag_ids, "ended_by": tie.ended_by}
            for tie in relations_of(sim, userid=userid)
        ]
    )


async def talk(request: web.Request) -> web.Response:
    """The member talks with the customer outside kf: mass messages then go through him."""
    sim, userid = member_of(request)
    tie = sim.world.relations.get(pair(userid, request.match_info["external_userid"]))
    if tie is None or tie.ended_by:
        raise ControlError(409, "they are not friends")
    tie.talked_at = sim.now
    return to_json({})


async def show_mass_messages(request: web.Request) -> web.Response:
    """Mass messages that wait for the member or that he has confirmed."""
    sim, userid = member_of(request)
    return to_json(
        [
            {
                "msgid": message.msgid,
                **message.content,
                "external_userid": [d.external_userid for d in message.deliveries if d.userid == userid],
                "confirmed": userid in message.confirmed,
                "cancelled": message.cancelled,
                "may_choose": message.allow_select,
                "reminded": len(message.reminders),
            }
            for message in sim.world.mass_messages.values()
            if any(delivery.userid == userid for delivery in message.deliveries)
        ]
    )


async def confirm(request: web.Request) -> web.Response:
    """The member taps confirm; `without` are customers whom he takes out first."""
    sim, userid = member_of(request)
    without = (await read_object(request)).get("without", [])
    if not isinstance(without, list) or not all(isinstance(each, str) for each in without):
        raise ControlError(400, "without is a list of external_userids")
    return to_json(mass.confirm(sim, userid, request.match_info["msgid"], without))


async def received(request: web.Request) -> web.Response:
    """The mass messages that one customer has got, oldest first."""
    sim, who = sim_of(request), request.match_info["external_userid"]
    return to_json(
        [
            {"msgid": message.msgid, **message.content, "userid": each.userid, "at": iso(each.send_time or message.at)}
            for message in sim.world.mass_messages.values()
            for each in message.deliveries
            if each.external_userid == who and each.status == mass.SENT
        ]
    )


_MEMBER = "/sim/members/{userid}"
ROUTES = [
    web.get(_MEMBER + "/contacts", show_contacts),
    web.post(_MEMBER + "/contacts", add_contact),
    web.delete(_MEMBER + "/contacts/{external_userid}", cut_contact),
    web.post(_MEMBER + "/contacts/{external_userid}/talk", talk),
    web.get(_MEMBER + "/groupmsg", show_mass_messages),
    web.post(_MEMBER + "/groupmsg/{msgid}/confirm", confirm),
    web.get("/sim/customers/{external_userid}/groupmsg", received),
]
