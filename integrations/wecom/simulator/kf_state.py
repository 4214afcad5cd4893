"""kf/service_state/get and kf/service_state/trans."""

from typing import Any

from integrations.wecom.simulator import session
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.kf_messages import code_for_move
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Account, Chat
from integrations.wecom.simulator.validate import Int, Obj, Spec, Text


def get(call: Call) -> dict[str, Any]:
    """Who owns the chat now."""
    chat = _chat(call)
    state = session.effective_state(chat, call.sim.now)
    return {"service_state": state, **({"servicer_userid": chat.servicer_userid} if state == session.HUMAN else {})}


def trans(call: Call) -> dict[str, Any]:
    """Move the session by API; such a move raises no event, the msg_code comes in the answer."""
    sim, target, userid = call.sim, call.body["service_state"], call.body.get("servicer_userid") or ""
    chat = _chat(call)
    session.check_move(chat, target, sim.switches.transitions, sim.now)
    if target == session.HUMAN:
        if not userid:
            raise ApiError(40058, "missing servicer_userid")
        check_receiving(sim, sim.account(chat.open_kfid), userid)
        if chat.service_state == session.HUMAN and chat.servicer_userid == userid:
            raise ApiError(95016)
    change_state(sim, chat, target, userid)
    code = code_for_move(sim, chat, target)
    return {"msg_code": code} if code else {}


def change_state(sim: Simulator, chat: Chat, target: int, userid: str = "") -> None:
    """Move the chat and tell the watchers."""
    session.move(chat, target, userid)
    sim.hub.publish(
        "session",
        open_kfid=chat.open_kfid,
        external_userid=chat.external_userid,
        service_state=chat.service_state,
        userid=chat.servicer_userid or None,
    )


def check_receiving(sim: Simulator, account: Account, userid: str) -> None:
    """Raise 95014 for one who is no servicer or never logged in, 95019 for one who has stopped receiving."""
    member = sim.world.members.get(userid)
    in_department = member is not None and bool(set(member.departments) & set(account.departments))
    if member is None or not member.active or not (userid in account.servicers or in_department):
        raise ApiError(95014)
    servicer = account.servicers.get(userid)
    if servicer is not None and servicer.status != 0:
        raise ApiError(95019)


def _chat(call: Call) -> Chat:
    account = call.sim.account(call.body["open_kfid"])
    customer = call.sim.customer(call.body["external_userid"])
    return call.sim.chat(account.open_kfid, customer.external_userid)


_IDS: dict[str, Spec] = {"open_kfid": Text(required=True, max_bytes=64), "external_userid": Text(required=True, max_bytes=64)}
ENDPOINTS: dict[str, Endpoint] = {
    "kf/service_state/get": Endpoint(get, Obj(_IDS), right="kf", kf_account="open_kfid"),
    "kf/service_state/trans": Endpoint(
        trans,
        Obj({**_IDS, "service_state": Int(required=True, hi=4), "servicer_userid": Text(max_bytes=64)}),
        right="kf",
        kf_account="open_kfid",
    ),
}
