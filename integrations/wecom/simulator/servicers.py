"""What a servicer (接待人员) does in the WeCom client, and the events that follow."""

from typing import Any

from integrations.wecom.simulator import session
from integrations.wecom.simulator.errors import ApiError, ControlError
from integrations.wecom.simulator.kf_messages import add_account_event, add_event, add_message, code_for_move, set_status
from integrations.wecom.simulator.kf_state import change_state, check_receiving
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Chat, Message

TAKEN, TRANSFERRED, ENDED, REOPENED = 1, 2, 3, 4


def message_item(chat: Chat, message: Message, *, origin: int) -> dict[str, Any]:
    """A chat message as sync_msg gives it; origin 3 customer, 5 servicer."""
    item = {
        "msgid": message.msgid,
        "open_kfid": chat.open_kfid,
        "external_userid": chat.external_userid,
        "send_time": int(message.at),
        "origin": origin,
        **({"servicer_userid": message.userid} if message.userid else {}),
        "msgtype": message.msgtype,
    }
    return {**item, message.msgtype: message.body}


def assign_someone(sim: Simulator, chat: Chat) -> None:
    """The console's own reception rule: the first servicer who receives gets the new session, the bot never sees it."""
    for servicer in sim.account(chat.open_kfid).servicers.values():
        if servicer.status == 0:
            change_state(sim, chat, session.HUMAN, servicer.userid)
            return


def act(sim: Simulator, chat: Chat, order: dict[str, Any]) -> dict[str, Any]:
    """Do one act of the control API; raises ControlError 400 for a bad order and 409 for one that the state does not allow."""
    userid, name = order.get("userid"), order.get("act")
    acts = {"take": _take, "transfer": _transfer, "end": _end, "reopen": _reopen, "say": _say, "recall": _recall, "reject": _reject}
    if not isinstance(userid, str) or name not in acts:
        raise ControlError(400, f"a servicer act needs a userid and an act of {', '.join(acts)}")
    if userid not in sim.world.members:
        raise ControlError(404, f"no member {userid}")
    return acts[name](sim, chat, userid, order)


def _take(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    _check_state(sim, chat, session.POOL, "only a chat that waits in the pool (state 2) can be taken")
    _check_servicer(sim, chat, userid)
    change_state(sim, chat, session.HUMAN, userid)
    chat.active_at = sim.now
    _changed(sim, chat, TAKEN, new=userid, msg_code=code_for_move(sim, chat, session.HUMAN))
    return {}


def _transfer(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    _check_owner(sim, chat, userid)
    to_userid = order.get("to_userid")
    if not isinstance(to_userid, str) or to_userid == userid:
        raise ControlError(400, "transfer needs a to_userid that is someone else")
    _check_servicer(sim, chat, to_userid)
    change_state(sim, chat, session.HUMAN, to_userid)
    _changed(sim, chat, TRANSFERRED, old=userid, new=to_userid)
    return {}


def _end(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    _check_owner(sim, chat, userid)
    change_state(sim, chat, session.ENDED)
    _changed(sim, chat, ENDED, old=userid, msg_code=code_for_move(sim, chat, session.ENDED))
    return {}


def _reopen(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    _check_state(sim, chat, session.ENDED, "only an ended chat (state 4) can be opened again")
    if chat.last_customer_at is None:
        raise ControlError(409, "the customer has never written")
    old = chat.last_servicer or userid
    change_state(sim, chat, session.HUMAN, userid)
    chat.active_at = sim.now
    _changed(sim, chat, REOPENED, old=old, new=userid)
    return {}


def _say(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    msgtype = order.get("msgtype", "text")
    content = order.get(msgtype)
    if not isinstance(content, dict):
        raise ControlError(400, f"say needs a body under {msgtype}")
    if session.effective_state(chat, sim.now) == session.ENDED:
        _reopen(sim, chat, userid, order)
    _check_owner(sim, chat, userid)
    chat.active_at = sim.now
    message = add_message(sim, chat, "servicer", msgtype, content, msgid=sim.new_id("", 32), userid=userid)
    sim.feed(chat.open_kfid, message_item(chat, message, origin=5))
    return {"msgid": message.msgid}


def _recall(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    message = chat.messages.get(str(order.get("msgid")))
    if message is None or message.userid != userid:
        raise ControlError(404, "this servicer sent no such message here")
    set_status(sim, chat, message, "recalled")
    add_event(sim, chat, "servicer_recall_msg", recall_msgid=message.msgid, servicer_userid=userid)
    return {}


def _reject(sim: Simulator, chat: Chat, userid: str, order: dict[str, Any]) -> dict[str, Any]:
    """`on` says whether the customer's messages are rejected; without it the switch is turned over."""
    chat.rejected = bool(order.get("on", not chat.rejected))
    add_event(sim, chat, "reject_customer_msg_switch_change", servicer_userid=userid, reject_switch=int(chat.rejected))
    return {"rejected": chat.rejected}


def set_status_at(sim: Simulator, open_kfid: str, userid: str, receiving: bool) -> None:
    """A servicer starts or stops receiving at an account."""
    servicer = sim.world.accounts[open_kfid].servicers.get(userid)
    if servicer is None:
        raise ControlError(409, f"{userid} is not a servicer of {open_kfid}")
    servicer.status = 0 if receiving else 1
    values = (1, 2) if sim.switches.servicer_status_values == "1/2" else (0, 1)
    status = values[servicer.status]
    add_account_event(sim, open_kfid, "servicer_status_change", servicer_userid=userid, status=status, stop_type=servicer.stop_type)


def _changed(sim: Simulator, chat: Chat, change_type: int, *, old: str = "", new: str = "", msg_code: str | None = None) -> None:
    fields: dict[str, Any] = {"change_type": change_type}
    for name, value in (("old_servicer_userid", old), ("new_servicer_userid", new), ("msg_code", msg_code)):
        if value:
            fields[name] = value
    add_event(sim, chat, "session_status_change", **fields)


def _check_state(sim: Simulator, chat: Chat, state: int, text: str) -> None:
    if session.effective_state(chat, sim.now) != state:
        raise ControlError(409, f"{text}; this one is in state {session.effective_state(chat, sim.now)}")


def _check_owner(sim: Simulator, chat: Chat, userid: str) -> None:
    _check_state(sim, chat, session.HUMAN, "only a chat in human care (state 3) allows this")
    if chat.servicer_userid != userid:
        raise ControlError(409, f"the chat belongs to {chat.servicer_userid}")


def _check_servicer(sim: Simulator, chat: Chat, userid: str) -> None:
    try:
        check_receiving(sim, sim.account(chat.open_kfid), userid)
    except ApiError as err:
        raise ControlError(409, f"{userid}: {err.text}") from err
