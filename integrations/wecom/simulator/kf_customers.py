"""kf customers, 升级服务, and the statistics of past days."""

from datetime import datetime, timedelta
from typing import Any

from integrations.wecom.simulator import session
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.mass import CHINA
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Chat, Message, Upgrade
from integrations.wecom.simulator.validate import Int, Items, Obj, Spec, Text

DAY = 86400
MAX_DAYS, OLDEST_DAYS = 31, 180


def batchget(call: Call) -> dict[str, Any]:
    """Names and faces of customers; on request how each came in within the last 48 h."""
    sim = call.sim
    known, unknown = [], []
    for who in call.body["external_userid_list"]:
        customer = sim.world.customers.get(who)
        if customer is None:
            unknown.append(who)
            continue
        view: dict[str, Any] = {
            "external_userid": who,
            "nickname": customer.nickname,
            "avatar": customer.avatar,
            "gender": customer.gender,
        }
        if customer.unionid:
            view["unionid"] = customer.unionid
        if call.body.get("need_enter_session_context") and (context := _entered(sim, who)):
            view["enter_session_context"] = context
        known.append(view)
    return {"customer_list": known, "invalid_external_userid": unknown}


def _entered(sim: Simulator, external_userid: str) -> dict[str, Any] | None:
    chats = [sim.world.chats.get(f"{open_kfid}/{external_userid}") for open_kfid in sim.world.accounts]
    recent = [(c.entered_at, c.entered) for c in chats if c and c.entered_at and sim.now - c.entered_at < session.WINDOW]
    return max(recent, key=lambda entry: entry[0])[1] if recent else None


def get_upgrade_service_config(call: Call) -> dict[str, Any]:
    """Whom upgrade_service may propose: every servicer."""
    servicers = {userid for account in call.sim.world.accounts.values() for userid in account.servicers}
    return {
        "member_range": {"userid_list": sorted(servicers), "department_id_list": []},
        "groupchat_range": {"chat_id_list": []},
    }


def _chat(call: Call) -> Chat:
    account = call.sim.account(call.body["open_kfid"])
    customer = call.sim.customer(call.body["external_userid"])
    return call.sim.chat(account.open_kfid, customer.external_userid)


def upgrade_service(call: Call) -> dict[str, Any]:
    """Propose a 专员 (type 1) or a group (type 2); nothing is sent."""
    body, chat = call.body, _chat(call)
    target = body.get("member" if body["type"] == 1 else "groupchat")
    if not target:
        raise ApiError(40063, "missing member or groupchat")
    named = target.get("userid") or target.get("chat_id") or ""
    if body["type"] == 2 or named not in get_upgrade_service_config(call)["member_range"]["userid_list"]:
        raise ApiError(95021)
    chat.upgrade = Upgrade(body["type"], named, target.get("wording") or "", call.sim.now)
    return {}


def cancel_upgrade_service(call: Call) -> dict[str, Any]:
    """Withdraw the proposal."""
    _chat(call).upgrade = None
    return {}


def _days(call: Call) -> list[float]:
    """Starts of the days asked for; raises 40058 outside yesterday … 180 days back, or over 31 days."""
    start, end = call.body["start_time"], call.body["end_time"]
    today = datetime.fromtimestamp(call.sim.now, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    first = datetime.fromtimestamp(start, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    last = datetime.fromtimestamp(end, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    count = (last - first).days + 1
    if not 1 <= count <= MAX_DAYS or last >= today or first < today - timedelta(days=OLDEST_DAYS):
        raise ApiError(40058, "invalid start_time or end_time")
    return [(first + timedelta(days=n)).timestamp() for n in range(count)]


def get_corp_statistic(call: Call) -> dict[str, Any]:
    """What happened at the account on each day. Rates that cannot be computed are left out."""
    chats = [chat for chat in call.sim.world.chats.values() if chat.open_kfid == call.body["open_kfid"]]
    return {"statistic_list": [{"stat_time": int(day), "statistic": _corp_day(chats, day)} for day in _days(call)]}


def _on(chat: Chat, day: float, sender: str) -> list[Message]:
    return [m for m in chat.messages.values() if m.sender == sender and day <= m.at < day + DAY]


def _corp_day(chats: list[Chat], day: float) -> dict[str, Any]:
    sessions = sum(1 for chat in chats for at in chat.session_starts if day <= at < day + DAY)
    written = [chat for chat in chats if _on(chat, day, "customer")]
    by_bot = [chat for chat in chats if _on(chat, day, "bot")]
    figures: dict[str, Any] = {
        "session_cnt": sessions,
        "customer_cnt": len(written),
        "customer_msg_cnt": sum(len(_on(chat, day, "customer")) for chat in written),
        "upgrade_service_customer_cnt": sum(1 for chat in chats if chat.upgrade and day <= chat.upgrade.at < day + DAY),
        "ai_session_reply_cnt": len(by_bot),
        "msg_rejected_customer_cnt": sum(1 for chat in written if any(m.status == "failed" for m in _on(chat, day, "customer"))),
    }
    if by_bot:
        figures["ai_transfer_rate"] = round(sum(1 for chat in by_bot if _on(chat, day, "servicer")) / len(by_bot), 4)
    return figures


def get_servicer_statistic(call: Call) -> dict[str, Any]:
    """The same for one servicer, or for all together."""
    userid = call.body.get("servicer_userid")
    chats = [chat for chat in call.sim.world.chats.values() if chat.open_kfid == call.body["open_kfid"]]
    return {"statistic_list": [{"stat_time": int(day), "statistic": _servicer_day(chats, userid, day)} for day in _days(call)]}


def _servicer_day(chats: list[Chat], userid: str | None, day: float) -> dict[str, Any]:
    served = [chat for chat in chats if any(userid in (None, "", m.userid) for m in _on(chat, day, "servicer"))]
    waits = []
    for chat in served:
        asked, answered = _on(chat, day, "customer"), _on(chat, day, "servicer")
        if asked and (later := [m.at - asked[0].at for m in answered if m.at >= asked[0].at]):
            waits.append(later[0])
    figures: dict[str, Any] = {
        "session_cnt": len(served),
        "customer_cnt": len(served),
        "customer_msg_cnt": sum(len(_on(chat, day, "customer")) for chat in served),
        "upgrade_service_customer_cnt": 0,
        "msg_rejected_customer_cnt": sum(1 for chat in served if chat.rejected),
    }
    if waits:
        figures |= {"reply_rate": 1, "first_reply_average_sec": int(sum(waits) / len(waits))}
    return figures


_KFID = Text(required=True, max_bytes=64)
_IDS: dict[str, Spec] = {"open_kfid": _KFID, "external_userid": Text(required=True, max_bytes=64)}
_SPAN: dict[str, Spec] = {"open_kfid": _KFID, "start_time": Int(required=True), "end_time": Int(required=True)}
ENDPOINTS: dict[str, Endpoint] = {
    "kf/customer/batchget": Endpoint(
        batchget,
        Obj(
            {
                "external_userid_list": Items(Text(required=True), required=True, lo=1, hi=100),
                "need_enter_session_context": Int(hi=1),
            }
        ),
        right="kf",
    ),
    "kf/customer/get_upgrade_service_config": Endpoint(get_upgrade_service_config, methods=("GET",), right="kf", reads_body=False),
    "kf/customer/upgrade_service": Endpoint(
        upgrade_service,
        Obj(
            {
                **_IDS,
                "type": Int(required=True, lo=1, hi=2),
                "member": Obj({"userid": Text(required=True), "wording": Text()}),
                "groupchat": Obj({"chat_id": Text(required=True), "wording": Text()}),
            }
        ),
        right="kf",
        kf_account="open_kfid",
    ),
    "kf/customer/cancel_upgrade_service": Endpoint(cancel_upgrade_service, Obj(_IDS), right="kf", kf_account="open_kfid"),
    "kf/get_corp_statistic": Endpoint(get_corp_statistic, Obj(_SPAN), right="kf", kf_account="open_kfid"),
    "kf/get_servicer_statistic": Endpoint(
        get_servicer_statistic, Obj({**_SPAN, "servicer_userid": Text(max_bytes=64)}), right="kf", kf_account="open_kfid"
    ),
}
