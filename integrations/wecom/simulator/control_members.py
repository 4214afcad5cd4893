"""Control API: what members do in the WeCom client (`/sim/members/…`): read, tap cards, receive or stop, confirm mass messages."""

import copy
from typing import Any

from aiohttp import web

from integrations.wecom.simulator import cards, servicers, tokens
from integrations.wecom.simulator.clock import iso
from integrations.wecom.simulator.control_http import member_of, read_object, text_field, to_json
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.messages import new_response_code
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import AppMessage, CardView, OAuthCode
from integrations.wecom.simulator.xml import Xml


async def show_messages(request: web.Request) -> web.Response:
    """A member's application messages, newest last, cards as he sees them now."""
    sim, userid = member_of(request)
    return to_json([_view(message, userid) for message in sim.world.app_messages.values() if userid in message.userids])


def _view(message: AppMessage, userid: str) -> dict[str, Any]:
    view: dict[str, Any] = {
        "msgid": message.msgid,
        "agentid": message.agentid,
        "at": iso(message.at),
        "msgtype": message.msgtype,
        "status": "recalled" if message.recalled else "sent",
    }
    card = message.views.get(userid)
    if card is None:
        return {**view, message.msgtype: message.body}
    state = {
        "disabled": card.replace_name is not None,
        "replace_name": card.replace_name,
        "clicked_key": card.clicked_key,
        "selected": card.selected,
    }
    return {**view, "template_card": _as_seen(card), "task_id": message.task_id, "card_state": state}


def _as_seen(view: CardView) -> dict[str, Any]:
    """The card with its spent buttons replaced by one dead button."""
    if view.replace_name is None:
        return view.card
    shown = copy.deepcopy(view.card)
    dead = {"text": view.replace_name, "disabled": True}
    if "button_list" in shown:
        shown["button_list"] = [dead]
    if "submit_button" in shown:
        shown["submit_button"] = dead
    return shown


async def click(request: web.Request) -> web.Response:
    """A tap on a button, a submit button or a menu entry of a card."""
    sim, userid = member_of(request)
    body = await read_object(request)
    key, selected = text_field(body, "key"), body.get("selected") or {}
    message, view = _card(sim, userid, request.match_info["task_id"])
    menu_keys = {action["key"] for action in (view.card.get("action_menu") or {}).get("action_list", [])}
    if key not in menu_keys:
        _check_button(view, key, selected)
    view.clicked_key, view.selected = key, selected
    code = new_response_code(sim, message)
    fields: dict[str, Xml] = {
        "MsgType": "event",
        "Event": "template_card_menu_event" if key in menu_keys else "template_card_event",
        "EventKey": key,
        "TaskId": message.task_id or "",
        "CardType": view.card["card_type"],
        "ResponseCode": code,
        "AgentID": message.agentid,
    }
    if selected and key not in menu_keys:
        items: list[Xml] = [{"QuestionKey": question, "OptionIds": {"OptionId": list(ids)}} for question, ids in selected.items()]
        fields["SelectedItems"] = {"SelectedItem": items}
    sim.callback(sim.apps_by_agentid[message.agentid], fields, sender=userid)
    sim.hub.publish("card", userid=userid, msgid=message.msgid, agentid=message.agentid, task_id=message.task_id)
    return to_json({"response_code": code})


def _card(sim: Simulator, userid: str, task_id: str) -> tuple[AppMessage, CardView]:
    for message in reversed(sim.world.app_messages.values()):
        if message.task_id == task_id and userid in message.views:
            if message.recalled:
                raise ControlError(409, "the card was taken back")
            return message, message.views[userid]
    raise ControlError(404, f"{userid} has no card with task_id {task_id}")


def _check_button(view: CardView, key: str, selected: Any) -> None:
    keys = {button["key"] for button in view.card.get("button_list", []) if button.get("key")}
    if view.card.get("submit_button"):
        keys.add(view.card["submit_button"]["key"])
    if view.replace_name is not None:
        raise ControlError(409, f"the button now reads {view.replace_name} and cannot be tapped")
    if key not in keys:
        raise ControlError(404, f"the card has no button {key}")
    if not isinstance(selected, dict):
        raise ControlError(400, "selected is {question_key: [option ids]}")
    asked = cards.questions(view.card)
    for question, chosen in selected.items():
        options, several = asked.get(question, (set(), False))
        if not isinstance(chosen, list) or not chosen or not set(chosen) <= options or (len(chosen) > 1 and not several):
            raise ControlError(400, f"{question} does not offer {chosen}")


async def set_status(request: web.Request) -> web.Response:
    """Start or stop receiving at a kf account."""
    sim, userid = member_of(request)
    body = await read_object(request)
    open_kfid, receiving = text_field(body, "open_kfid"), body.get("servicing")
    if open_kfid not in sim.world.accounts:
        raise ControlError(404, f"no kf account {open_kfid}")
    if not isinstance(receiving, bool):
        raise ControlError(400, "servicing must be true or false")
    servicers.set_status_at(sim, open_kfid, userid, receiving)
    return to_json({})


async def write_to_app(request: web.Request) -> web.Response:
    """A member writes a text to an app; the app gets it as a callback."""
    sim, userid = member_of(request)
    body = await read_object(request)
    agentid = body.get("agentid", sim.config.apps[0].agentid)
    if agentid not in sim.apps_by_agentid:
        raise ControlError(404, f"no app {agentid}")
    msgid = str(sim.rng.randrange(10**18, 10**19))
    fields: dict[str, Xml] = {"MsgType": "text", "Content": text_field(body, "content"), "MsgId": int(msgid), "AgentID": agentid}
    sim.callback(sim.apps_by_agentid[agentid], fields, sender=userid)
    return to_json({"msgid": msgid})


async def oauth_code(request: web.Request) -> web.Response:
    """A login code for auth/getuserinfo, as if the member had opened the authorize page."""
    sim, userid = member_of(request)
    agentid = (await read_object(request)).get("agentid")
    return to_json({"code": tokens.new_oauth_code(sim, OAuthCode(agentid, sim.now, userid=userid))})


_MEMBER = "/sim/members/{userid}"
ROUTES = [
    web.get(_MEMBER + "/messages", show_messages),
    web.post(_MEMBER + "/cards/{task_id}/click", click),
    web.post(_MEMBER + "/status", set_status),
    web.post(_MEMBER + "/say", write_to_app),
    web.post(_MEMBER + "/oauth_code", oauth_code),
]
