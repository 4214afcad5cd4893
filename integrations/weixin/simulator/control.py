"""Control API: people follow, agree, block and log in; faults, switches, the clock, and what was sent."""

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from integrations.wecom.simulator.clock import iso
from integrations.wecom.simulator.control_http import read_object, text_field
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.xml import Xml
from integrations.weixin.simulator.api import to_json
from integrations.weixin.simulator.config import AppConfig
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import Person, openid_of

SIMULATOR = web.AppKey("weixin_simulator", Simulator)


def _sim(request: web.Request) -> Simulator:
    return request.config_dict[SIMULATOR]


def _account(sim: Simulator, body: dict[str, Any], default: str) -> tuple[AppConfig, Person, str]:
    """The account (`account`: its kind), the person (`unionid`) and her openid there."""
    app, person = sim.app(text_field(body, "account", default)), sim.person(text_field(body, "unionid"))
    return app, person, openid_of(app.appid, person.unionid)


async def state(request: web.Request) -> web.Response:
    """Who there is and what they follow and agreed to."""
    sim = _sim(request)
    return to_json(
        {
            "now": sim.clock.now().isoformat(),
            "accounts": [
                {"appid": app.appid, "kind": app.kind, "templates": [each.model_dump() for each in app.templates]}
                for app in sim.config.apps
            ],
            "people": [_person(sim, each) for each in sim.world.people.values()],
            "config": sim.switches.model_dump(mode="json"),
        }
    )


def _person(sim: Simulator, person: Person) -> dict[str, Any]:
    openids = {app.kind: openid_of(app.appid, person.unionid) for app in sim.config.apps}
    agreed = {}
    for openid in openids.values():
        for app in sim.config.apps:
            for each in app.templates:
                consent = sim.world.consents.get(f"{openid} {each.id}")
                if consent is not None:
                    agreed[each.id] = "always" if consent.left is None else consent.left
    follows = any(openid in sim.world.followers for openid in openids.values())
    return {"unionid": person.unionid, "name": person.name, "openids": openids, "follows": follows, "agreed": agreed}


async def add_person(request: web.Request) -> web.Response:
    """A WeChat user."""
    sim, body = _sim(request), await read_object(request)
    person = Person(text_field(body, "unionid"), text_field(body, "name", ""))
    if person.unionid in sim.world.people:
        raise ControlError(409, f"person {person.unionid} exists")
    sim.add_person(person)
    return to_json(_person(sim, person))


async def follow(request: web.Request) -> web.Response:
    """She follows the official account."""
    sim, body = _sim(request), await read_object(request)
    app, _, openid = _account(sim, body, "official_account")
    if app.kind != "official_account":
        raise ControlError(409, "only an official account has followers")
    sim.world.followers[openid] = sim.now
    sim.tell(app, openid, "subscribe", {"EventKey": text_field(body, "scene", "")})
    return to_json({"openid": openid})


async def unfollow(request: web.Request) -> web.Response:
    """She follows it no more; what she agreed to for good ends too."""
    sim = _sim(request)
    app, _, openid = _account(sim, await read_object(request), "official_account")
    if sim.world.followers.pop(openid, None) is None:
        raise ControlError(409, "she does not follow")
    sim.tell(app, openid, "unsubscribe", {"EventKey": ""})
    return to_json({"openid": openid})


async def answer(request: web.Request) -> web.Response:
    """She answers the dialogue that asks for an agreement: `answer` accept or reject."""
    sim, body = _sim(request), await read_object(request)
    app, _, openid = _account(sim, body, "mini_program")
    wanted = text_field(body, "template_id")
    template = next((each for each in app.templates if each.id == wanted and each.kind != "template"), None)
    if template is None:
        raise ControlError(404, f"no subscription template {wanted}")
    said = text_field(body, "answer", "accept")
    if said not in ("accept", "reject"):
        raise ControlError(400, "answer is accept or reject")
    consent = sim.consent(openid, template.id)
    consent.asked += 1
    if said == "accept":
        consent.left = None if template.kind == "long_term" else (consent.left or 0) + 1
    row: dict[str, Xml] = {"TemplateId": template.id, "SubscribeStatusString": said, "PopupScene": 0}
    sim.tell(app, openid, "subscribe_msg_popup_event", {"SubscribeMsgPopupEvent": {"List": [row]}})
    return to_json({"openid": openid})


async def switch_off(request: web.Request) -> web.Response:
    """She switches a template off in the settings: nothing is left of what she agreed to."""
    sim, body = _sim(request), await read_object(request)
    app, _, openid = _account(sim, body, "mini_program")
    template_id = text_field(body, "template_id")
    sim.consent(openid, template_id).left = 0
    row = {"TemplateId": template_id, "SubscribeStatusString": "reject"}
    sim.tell(app, openid, "subscribe_msg_change_event", {"SubscribeMsgChangeEvent": {"List": [row]}})
    return to_json({"openid": openid})


async def block(request: web.Request) -> web.Response:
    """She lets the account's messages not through (`on` true) or again (false); calls succeed, reports say `failed:user block`."""
    sim, body = _sim(request), await read_object(request)
    _, _, openid = _account(sim, body, "official_account")
    sim.world.blocking = [each for each in sim.world.blocking if each != openid] + ([openid] if body.get("on", True) else [])
    return to_json({"openid": openid})


async def login(request: web.Request) -> web.Response:
    """She opens the mini program: a login code, good once and for five minutes."""
    sim, body = _sim(request), await read_object(request)
    app, person, _ = _account(sim, body, "mini_program")
    code = f"0{sim.rng.getrandbits(120):030x}"
    sim.world.codes[code] = [app.appid, person.unionid, sim.now, False]
    return to_json({"code": code})


async def seen(request: web.Request) -> web.Response:
    """The pushes that one person has got, newest first, for her telephone's screen."""
    sim = _sim(request)
    person = sim.person(request.match_info["unionid"])
    openids = {openid_of(app.appid, person.unionid) for app in sim.config.apps}
    return to_json([_sent(each) for each in reversed(sim.world.sent) if each.openid in openids and each.status == "success"][:50])


def _sent(each: Any) -> dict[str, Any]:
    return {
        "msgid": str(each.msgid),
        "appid": each.appid,
        "path": each.path,
        "openid": each.openid,
        "template_id": each.template_id,
        "at": iso(each.at),
        "body": each.body,
        "status": each.status,
    }


async def ledger(request: web.Request) -> web.Response:
    """Every push that was taken, in order; every refused call with its count."""
    sim = _sim(request)
    refused = [
        {"path": path, "errcode": int(code), "count": count}
        for (path, code), count in ((key.rsplit(" ", 1), count) for key, count in sim.world.rejected.items())
    ]
    return to_json({"sent": [_sent(each) for each in sim.world.sent], "rejected": refused})


async def move_clock(request: web.Request) -> web.Response:
    """{"advance": seconds} or {"set": ISO moment with zone}."""
    sim, body = _sim(request), await read_object(request)
    try:
        if "set" in body:
            sim.clock.set(datetime.fromisoformat(text_field(body, "set")))
        else:
            sim.clock.advance(float(body["advance"]))
    except (KeyError, TypeError, ValueError, OverflowError) as err:
        raise ControlError(400, 'the clock takes {"advance": seconds} or {"set": "2026-03-01T08:00:00+08:00"}') from err
    sim.world.clock_offset = sim.clock.offset
    return to_json({"now": sim.clock.now().isoformat()})


async def faults(request: web.Request) -> web.Response:
    """Order a failure (`path` without `cgi-bin/`), or forget all orders."""
    sim = _sim(request)
    if request.method == "DELETE":
        sim.faults.clear()
    else:
        sim.faults.add(await read_object(request))
    return to_json({})


async def set_switches(request: web.Request) -> web.Response:
    """Change switches; all or none. Held reports go out when `hold_reports` ends."""
    sim, body = _sim(request), await read_object(request)
    try:
        checked = type(sim.switches).model_validate({**sim.switches.model_dump(), **body})
    except ValidationError as err:
        first = err.errors()[0]
        raise ControlError(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from err
    for name in body:
        setattr(sim.switches, name, getattr(checked, name))
    sim.world.switches.update(body)
    if not sim.switches.hold_reports:
        sim.release()
    return to_json({"config": sim.switches.model_dump(mode="json")})


async def revoke(request: web.Request) -> web.Response:
    """Kill all access tokens early."""
    _sim(request).world.tokens.clear()
    return to_json({})


async def callbacks(request: web.Request) -> web.Response:
    """The log of delivery tries; POST makes the console's address check of an account."""
    sim = _sim(request)
    if request.method == "POST":
        app = sim.app(text_field(await read_object(request), "account", "official_account"))
        if app.callback is None:
            raise ControlError(409, "the account has no callback address")
        return to_json({"ok": await sim.callbacks.verify(app.callback, sim.now)})
    return to_json([{"event": event, "outcome": outcome} for event, outcome in sim.callbacks.log])


ROUTES = [
    web.get("/sim/state", state),
    web.post("/sim/people", add_person),
    web.get("/sim/people/{unionid}/messages", seen),
    web.post("/sim/follow", follow),
    web.post("/sim/unfollow", unfollow),
    web.post("/sim/answer", answer),
    web.post("/sim/switch_off", switch_off),
    web.post("/sim/block", block),
    web.post("/sim/login", login),
    web.get("/sim/ledger", ledger),
    web.post("/sim/clock", move_clock),
    web.post("/sim/faults", faults),
    web.delete("/sim/faults", faults),
    web.post("/sim/config", set_switches),
    web.post("/sim/tokens/revoke", revoke),
    web.get("/sim/callbacks", callbacks),
    web.post("/sim/callbacks/verify", callbacks),
]
