"""message/send, message/recall and message/update_template_card."""

import hashlib
import json
from typing import Any

from integrations.wecom.simulator import app_bodies, cards
from integrations.wecom.simulator.config import AppConfig
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.recipients import EVERYONE, keep_within_limit, resolve, split
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import AppMessage, CardView, ResponseCode
from integrations.wecom.simulator.validate import Int, Items, Obj, Text

DUPLICATE_INTERVAL = 1800
RECALL_WITHIN = 86400.0
RESPONSE_LIFETIME = 72 * 3600.0


def send(call: Call) -> dict[str, Any]:
    """A message to members. Some bad names give errcode 0 and filled lists; all bad give 81013."""
    sim, body, app = call.sim, call.body, call.app
    check_agent(sim, app, body["agentid"])
    to = resolve(sim, app, split(body.get("touser")), split(body.get("toparty")), split(body.get("totag")))
    msgtype = body["msgtype"]
    task_id = None
    if msgtype == "template_card":
        content = cards.check_card(sim, body.get("template_card"))
        task_id = content.get("task_id") or None
        if task_id and _task_key(app.agentid, task_id) in sim.world.task_ids:
            raise ApiError(42014, "task_id already used")
    else:
        content = app_bodies.check_body(sim, msgtype, body.get(msgtype))
    if repeated := _repeated(sim, app, body):
        return {**to.reply(), "msgid": repeated}
    message = AppMessage(sim.new_id("", 64), app.agentid, sim.now, msgtype, content, [], task_id=task_id)
    message.userids, message.dropped = keep_within_limit(sim, app.agentid, to.userids)
    sim.world.app_messages[message.msgid] = message
    if body.get("enable_duplicate_check"):
        sim.world.app_duplicates[_fingerprint(app, body)] = (sim.now, message.msgid)
    for userid in message.userids:
        if msgtype == "template_card":
            message.views[userid] = CardView(content)
        sim.hub.publish("card" if msgtype == "template_card" else "message", userid=userid, msgid=message.msgid, agentid=app.agentid)
    answer = {**to.reply(), "msgid": message.msgid}
    if msgtype == "template_card":
        if task_id:
            sim.world.task_ids[_task_key(app.agentid, task_id)] = message.msgid
        if cards.has_callback(content):
            answer["response_code"] = new_response_code(sim, message)
    return answer


def _task_key(agentid: int, task_id: str) -> str:
    return f"{agentid} {task_id}"


def check_agent(sim: Simulator, app: AppConfig, agentid: int) -> None:
    """40056 for an agentid that is not there, 301002 for another app's."""
    if agentid not in sim.apps_by_agentid:
        raise ApiError(40056)
    if agentid != app.agentid:
        raise ApiError(301002)


def _fingerprint(app: AppConfig, body: dict[str, Any]) -> str:
    return hashlib.sha256(f"{app.agentid} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()


def _repeated(sim: Simulator, app: AppConfig, body: dict[str, Any]) -> str | None:
    """The msgid of the same request within the interval; it is not delivered again."""
    if not body.get("enable_duplicate_check"):
        return None
    at, msgid = sim.world.app_duplicates.get(_fingerprint(app, body), (None, ""))
    interval = body.get("duplicate_check_interval") or DUPLICATE_INTERVAL
    return msgid if at is not None and sim.now - at < interval else None


def new_response_code(sim: Simulator, message: AppMessage) -> str:
    """A right to update the card once within 72 h."""
    code = sim.new_id("RC", 60)
    sim.world.response_codes[code] = ResponseCode(message.msgid, message.agentid, sim.now)
    return code


def recall(call: Call) -> dict[str, Any]:
    """Take a message back within 24 h, by the app that sent it."""
    message = call.sim.world.app_messages.get(call.body["msgid"])
    if message is None or message.agentid != call.app.agentid:
        raise ApiError(40058, "invalid msgid")
    if call.sim.now - message.at >= RECALL_WITHIN:
        raise ApiError(42052)
    message.recalled = True
    for userid in message.userids:
        call.sim.hub.publish("message", userid=userid, msgid=message.msgid, agentid=message.agentid)
    return {}


def update_template_card(call: Call) -> dict[str, Any]:
    """Replace the button, or the whole card, for the named members; the code is spent."""
    sim, body = call.sim, call.body
    check_agent(sim, call.app, body["agentid"])
    code = sim.world.response_codes.get(body["response_code"])
    if code is None:
        raise ApiError(40058, "invalid response_code")
    if code.agentid != call.app.agentid:
        raise ApiError(42015)
    if code.used or not code.at <= sim.now < code.at + RESPONSE_LIFETIME:
        raise ApiError(40058, "response_code used or expired")
    message = sim.world.app_messages[code.msgid]
    card, spent = _replacement(sim, body, message)
    users, bad = _named(sim, call.app, body, message)
    code.used = True
    for userid in users:
        view = message.views[userid]
        message.views[userid] = CardView(card or view.card, spent, view.clicked_key, view.selected)
        sim.hub.publish("card", userid=userid, msgid=message.msgid, agentid=message.agentid, task_id=message.task_id)
    return {"invaliduser": bad} if bad else {}


def _replacement(sim: Simulator, body: dict[str, Any], message: AppMessage) -> tuple[dict[str, Any] | None, str | None]:
    """The new card (None keeps the old one), and the words on its spent button (None leaves the buttons alive)."""
    if card := body.get("template_card"):
        whole = cards.check_card(sim, {**card, "task_id": card.get("task_id") or message.task_id}, update=True)
        if whole["task_id"] != message.task_id:
            raise ApiError(42016)
        return whole, whole.get("replace_text") or None
    if button := body.get("button"):
        return None, str(button["replace_name"])
    raise ApiError(40063, "missing button or template_card")


def _named(sim: Simulator, app: AppConfig, body: dict[str, Any], message: AppMessage) -> tuple[list[str], list[str]]:
    """Members whose card changes, and names that never had the card."""
    if body.get("atall"):
        return list(message.views), []
    users = [str(name) for name in body.get("userids") or []]
    to = resolve(
        sim,
        app,
        [name for name in users if name != EVERYONE],
        [str(number) for number in body.get("partyids") or []],
        [str(number) for number in body.get("tagids") or []],
    )
    holders = [userid for userid in to.userids if userid in message.views]
    named = {name.lower() for name in users}
    strangers = [userid for userid in to.userids if userid not in message.views and userid.lower() in named]
    return holders, to.bad_users + strangers


ENDPOINTS: dict[str, Endpoint] = {
    "message/send": Endpoint(send, Obj({**app_bodies.ENVELOPE, "template_card": cards.CARD}), right="message"),
    "message/recall": Endpoint(recall, Obj({"msgid": Text(required=True)}), right="message"),
    "message/update_template_card": Endpoint(
        update_template_card,
        Obj(
            {
                "userids": Items(Text(), hi=1000),
                "partyids": Items(Int(), hi=100),
                "tagids": Items(Int(), hi=100),
                "atall": Int(hi=1),
                "agentid": Int(required=True, missing=41011, invalid=40056),
                "response_code": Text(required=True),
                "enable_id_trans": Int(hi=1),
                "button": Obj({"replace_name": Text(required=True, missing=42020)}),
                "template_card": cards.UPDATED_CARD,
            }
        ),
        right="message",
    ),
}
