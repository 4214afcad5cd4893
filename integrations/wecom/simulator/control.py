"""Control API: the corp as a whole, its clock, faults, switches, callbacks, ledger and live events."""

import asyncio
import json
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from integrations.wecom.simulator import media, tokens
from integrations.wecom.simulator.config import KfAccountConfig
from integrations.wecom.simulator.control_http import read_object, sim_of, text_field, to_json
from integrations.wecom.simulator.errors import ApiError, ControlError
from integrations.wecom.simulator.ledger import busiest_minute, latest, ledger

KEEP_ALIVE = 15.0  # real seconds, under the usual proxies' idle limit


async def state(request: web.Request) -> web.Response:
    """Who and what there is."""
    sim = sim_of(request)
    world = sim.world
    return to_json(
        {
            "now": sim.clock.now().isoformat(),
            "accounts": [{"open_kfid": a.open_kfid, "name": a.name} for a in world.accounts.values()],
            "customers": [
                {"external_userid": c.external_userid, "nickname": c.nickname, "avatar": c.avatar, "gender": c.gender}
                for c in world.customers.values()
            ],
            "members": [_member_view(request, userid) for userid in world.members],
            "agents": [{"agentid": app.agentid, "name": app.name} for app in sim.config.apps],
            "config": sim.switches.model_dump(mode="json"),
        }
    )


def _member_view(request: web.Request, userid: str) -> dict[str, Any]:
    """`status` says at which accounts the member is a servicer and whether he receives (0) or has stopped (1)."""
    world = sim_of(request).world
    member = world.members[userid]
    status = {a.open_kfid: a.servicers[userid].status for a in world.accounts.values() if userid in a.servicers}
    return {"userid": userid, "name": member.name, "departments": member.departments, "status": status}


async def add_account(request: web.Request) -> web.Response:
    """A new kf account."""
    sim, body = sim_of(request), await read_object(request)
    try:
        given = KfAccountConfig.model_validate({"open_kfid": sim.new_id("wk", 32), **body})
    except ValidationError as err:
        raise ControlError(400, f"account: {err.errors()[0]['msg']}") from err
    if given.open_kfid in sim.world.accounts:
        raise ControlError(409, f"account {given.open_kfid} exists")
    sim.add_account(given)
    return to_json({"open_kfid": given.open_kfid})


async def move_clock(request: web.Request) -> web.Response:
    """{"advance": seconds} or {"set": ISO moment with zone}."""
    sim, body = sim_of(request), await read_object(request)
    try:
        if "set" in body:
            sim.clock.set(datetime.fromisoformat(text_field(body, "set")))
        else:
            sim.clock.advance(float(body["advance"]))
    except (KeyError, TypeError, ValueError, OverflowError) as err:
        raise ControlError(400, 'the clock takes {"advance": seconds} or {"set": "2026-03-01T08:00:00+08:00"}') from err
    sim.world.clock_offset = sim.clock.offset
    sim.hub.publish("clock", now=sim.clock.now().isoformat())
    return to_json({"now": sim.clock.now().isoformat()})


async def add_fault(request: web.Request) -> web.Response:
    """Order a failure."""
    sim_of(request).faults.add(await read_object(request))
    return to_json({})


async def clear_faults(request: web.Request) -> web.Response:
    """Forget all ordered failures."""
    sim_of(request).faults.clear()
    return to_json({})


async def set_switches(request: web.Request) -> web.Response:
    """Change switches; all or none."""
    sim, body = sim_of(request), await read_object(request)
    try:
        checked = type(sim.switches).model_validate({**sim.switches.model_dump(), **body})
    except ValidationError as err:
        first = err.errors()[0]
        raise ControlError(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from err
    for name in body:
        setattr(sim.switches, name, getattr(checked, name))
    sim.world.switches.update(body)
    return to_json({"config": sim.switches.model_dump(mode="json")})


async def set_callbacks(request: web.Request) -> web.Response:
    """Delivery settings: duplicate, reorder, hold, lose."""
    callbacks = sim_of(request).callbacks
    callbacks.configure(await read_object(request))
    return to_json(vars(callbacks.settings))


async def show_callbacks(request: web.Request) -> web.Response:
    """The delivery log."""
    return to_json(sim_of(request).callbacks.recent())


async def verify_callback(request: web.Request) -> web.Response:
    """The console's address check for one app (the first if no agentid is given)."""
    sim = sim_of(request)
    agentid = (await read_object(request)).get("agentid", sim.config.apps[0].agentid)
    if agentid not in sim.apps_by_agentid:
        raise ControlError(404, f"no app {agentid}")
    return to_json({"ok": await sim.callbacks.verify(sim.apps_by_agentid[agentid])})


async def revoke_tokens(request: web.Request) -> web.Response:
    """Kill access tokens before their time, of one app or of all."""
    sim, body = sim_of(request), await read_object(request)
    app = sim.apps_by_agentid.get(body["agentid"]) if "agentid" in body else None
    if "agentid" in body and app is None:
        raise ControlError(404, f"no app {body['agentid']}")
    return to_json({"revoked": tokens.revoke(sim, app.secret if app else None)})


async def show_ledger(request: web.Request) -> web.Response:
    """Everything that apps sent, and how often calls were refused; with `after`, only the kf messages since that number."""
    after = request.query.get("after", "")
    return to_json(latest(sim_of(request), int(after)) if after.isdecimal() else ledger(sim_of(request)))


async def summarise_ledger(request: web.Request) -> web.Response:
    """The ledger in numbers, where the whole would be too large: accepted kf messages, the most within a minute, refused calls."""
    sim = sim_of(request)
    refused = sum(sim.world.rejected_calls.values())
    accepted = sum(m.sender == "bot" for chat in sim.world.chats.values() for m in chat.messages.values())
    return to_json({"messages": accepted, "busiest_minute": busiest_minute(sim), "refused": refused})


async def add_media(request: web.Request) -> web.Response:
    """A customer's file; no limits but the reader's."""
    sim = sim_of(request)
    try:
        filename, _, content_type, data = await media.read_upload(request)
    except ApiError as err:
        raise ControlError(400, "send the file as multipart field media, with a file name") from err
    kept = media.keep(sim, request.query.get("type", "file"), filename, content_type, data)
    return to_json({"media_id": kept.media_id})


async def show_media(request: web.Request) -> web.Response:
    """The bytes of a file, also of an expired one."""
    kept = sim_of(request).world.media.get(request.match_info["media_id"])
    if kept is None:
        raise ControlError(404, "no such file")
    return media.file_response(kept)


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events until the reader leaves or the simulator stops."""
    hub = sim_of(request).hub
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    queue = hub.listen()
    try:
        await response.prepare(request)
        await response.write(b": ready\n\n")
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), KEEP_ALIVE)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if event is None:
                return response
            await response.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
    except ConnectionResetError:
        return response
    finally:
        hub.leave(queue)


async def show_faults(request: web.Request) -> web.Response:
    """The failures that still wait for their calls."""
    return to_json([vars(fault) for fault in sim_of(request).faults.orders])


ROUTES = [
    web.get("/sim/state", state),
    web.post("/sim/accounts", add_account),
    web.post("/sim/clock", move_clock),
    web.post("/sim/faults", add_fault),
    web.get("/sim/faults", show_faults),
    web.delete("/sim/faults", clear_faults),
    web.post("/sim/config", set_switches),
    web.post("/sim/callback", set_callbacks),
    web.get("/sim/callback", show_callbacks),
    web.post("/sim/callback/verify", verify_callback),
    web.post("/sim/tokens/revoke", revoke_tokens),
    web.get("/sim/ledger", show_ledger),
    web.get("/sim/ledger/summary", summarise_ledger),
    web.post("/sim/media", add_media),
    web.get("/sim/media/{media_id}", show_media),
    web.get("/sim/events", events),
]
