"""Mass messages (客户群发): nothing is sent until the member confirms, and each customer has a cap."""

import calendar
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from integrations.wecom.simulator.contacts import CONTENT, check_content, paginate, relations_of
from integrations.wecom.simulator.errors import ApiError, ControlError
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Delivery, MassMessage, Relation, pair
from integrations.wecom.simulator.validate import Flag, Int, Items, Obj, Spec, Text

NOT_SENT, SENT, NOT_A_FRIEND, OVER_CAP = range(4)
WAITING, CONFIRMED = 0, 2
MAX_CUSTOMERS = 10_000
MAX_SPAN = 31 * 86400
REMINDERS_PER_DAY = 3
CHINA = timezone(timedelta(hours=8))  # the platform's calendar


def add_msg_template(call: Call) -> dict[str, Any]:
    """Make the members' tasks. Each customer is reached by the sender, or by the member who last talked with him."""
    sim, body = call.sim, call.body
    if body.get("chat_type", "single") == "group":
        raise ApiError(41048, "customer groups are not simulated")
    check_content(sim, body)
    sender = body.get("sender")
    if sender and sender not in sim.world.members:
        raise ApiError(60111)
    wanted = body.get("external_userid") or []
    if not wanted and not sender and not body.get("tag_filter"):
        raise ApiError(40063, "missing external_userid, sender or tag_filter")
    ties: dict[str, list[Relation]] = {}
    for tie in relations_of(sim, userid=sender):
        if tie.ended_by is None:
            ties.setdefault(tie.external_userid, []).append(tie)
    if not wanted:
        wanted = [who for who, known in ties.items() if any(_matches(sim, tie, body.get("tag_filter")) for tie in known)]
    deliveries, failed = [], []
    for who in dict.fromkeys(wanted):
        if who in ties:
            last = max(ties[who], key=lambda tie: tie.talked_at or tie.createtime)
            deliveries.append(Delivery(last.userid, who))
        else:
            failed.append(who)
    if not deliveries:
        raise ApiError(41048)
    content = {name: body[name] for name in ("text", "attachments") if body.get(name)}
    message = MassMessage(sim.new_id("msg", 32), call.app.name, "single", sim.now, content, deliveries)
    message.allow_select = bool(body.get("allow_select"))
    sim.world.mass_messages[message.msgid] = message
    for userid in dict.fromkeys(delivery.userid for delivery in deliveries):
        sim.hub.publish("groupmsg", userid=userid, msgid=message.msgid)
    return {"msgid": message.msgid, "fail_list": failed}


def _matches(sim: Simulator, tie: Relation, tag_filter: dict[str, Any] | None) -> bool:
    """Any tag of each group."""
    groups = (tag_filter or {}).get("group_list") or []
    return all(set(group.get("tag_list") or []) & set(tie.tag_ids) for group in groups)


def confirm(sim: Simulator, userid: str, msgid: str, without: Iterable[str] = ()) -> dict[str, int]:
    """The member taps confirm: his customers get the message, within the cap. Counts by outcome; ControlError if there is no such task.

    Those of `without` he takes out first, which he may only if the message allows it.
    """
    message = sim.world.mass_messages.get(msgid)
    if message is None or all(delivery.userid != userid for delivery in message.deliveries):
        raise ControlError(404, f"{userid} has no mass message {msgid}")
    if message.cancelled or userid in message.confirmed:
        raise ControlError(409, "the task is cancelled or already confirmed")
    if _under_way(sim, message):
        raise ControlError(409, "the task has not reached the member yet")
    left_out = set(without)
    if left_out and not message.allow_select:
        raise ControlError(409, "the message does not let the member choose")
    message.confirmed[userid] = sim.now
    counts = {"sent": 0, "not_a_friend": 0, "over_cap": 0}
    for delivery in message.deliveries:
        if delivery.userid == userid and delivery.external_userid not in left_out:
            delivery.status = _outcome(sim, delivery)
            delivery.send_time = sim.now
            counts[("sent", "not_a_friend", "over_cap")[delivery.status - 1]] += 1
    sim.hub.publish("groupmsg", userid=userid, msgid=msgid)
    return counts


def _outcome(sim: Simulator, delivery: Delivery) -> int:
    tie = sim.world.relations.get(pair(delivery.userid, delivery.external_userid))
    if tie is None or tie.ended_by is not None:
        return NOT_A_FRIEND
    return OVER_CAP if _over_cap(sim, delivery.external_userid) else SENT


def _over_cap(sim: Simulator, external_userid: str) -> bool:
    """As many a month as it has days; or seven a week, or one a day, if the corp's admin chose that."""
    today = datetime.fromtimestamp(sim.now, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    match sim.switches.mass_cap:
        case "day":
            since, cap = today, 1
        case "week":
            since, cap = today - timedelta(days=today.weekday()), 7
        case _:
            since, cap = today.replace(day=1), calendar.monthrange(today.year, today.month)[1]
    got = sum(
        1
        for message in sim.world.mass_messages.values()
        for delivery in message.deliveries
        if delivery.external_userid == external_userid and delivery.status == SENT and (delivery.send_time or 0) >= since.timestamp()
    )
    return got >= cap


def _known(call: Call) -> MassMessage:
    message = call.sim.world.mass_messages.get(call.body["msgid"])
    if message is None:
        raise ApiError(41047)
    return message


def _under_way(sim: Simulator, message: MassMessage) -> bool:
    """Whether the platform is still handing the tasks to the members."""
    return sim.now - message.at < sim.switches.mass_dispatch_seconds


def _handed_out(call: Call) -> MassMessage:
    message = _known(call)
    if _under_way(call.sim, message):
        raise ApiError(41063)
    return message


def get_groupmsg_list_v2(call: Call) -> dict[str, Any]:
    """Mass messages of at most a month."""
    sim, body = call.sim, call.body
    start, end = body["start_time"], body["end_time"]
    if not 0 <= end - start <= MAX_SPAN:
        raise ApiError(40058, "the span is at most a month")
    inside: Iterable[MassMessage] = (m for m in sim.world.mass_messages.values() if start <= m.at <= end)
    page, next_cursor = paginate(sim, list(inside), body.get("cursor"), body.get("limit") or 50, "mass messages")
    return {
        "next_cursor": next_cursor,
        "group_msg_list": [
            {"msgid": m.msgid, "creator": m.creator, "create_time": str(int(m.at)), "create_type": 0, **m.content} for m in page
        ],
    }


def get_groupmsg_task(call: Call) -> dict[str, Any]:
    """Each member's part: 0 waiting, 2 sent."""
    message = _handed_out(call)
    userids = list(dict.fromkeys(delivery.userid for delivery in message.deliveries))
    page, next_cursor = paginate(call.sim, userids, call.body.get("cursor"), call.body.get("limit") or 500, f"task {message.msgid}")
    tasks = []
    for userid in page:
        at = message.confirmed.get(userid)
        tasks.append({"userid": userid, "status": WAITING} if at is None else {"userid": userid, "status": CONFIRMED, "send_time": int(at)})
    return {"next_cursor": next_cursor, "task_list": tasks}


def get_groupmsg_send_result(call: Call) -> dict[str, Any]:
    """Each customer's part for one member: 0 not sent, 1 sent, 2 not a friend, 3 over the cap."""
    message, userid = _handed_out(call), call.body["userid"]
    own = [delivery for delivery in message.deliveries if delivery.userid == userid]
    page, next_cursor = paginate(call.sim, own, call.body.get("cursor"), call.body.get("limit") or 500, f"result {message.msgid} {userid}")
    results = []
    for delivery in page:
        row = {"external_userid": delivery.external_userid, "userid": userid, "status": delivery.status}
        results.append({**row, "send_time": int(delivery.send_time)} if delivery.send_time else row)
    return {"next_cursor": next_cursor, "send_list": results}


def remind_groupmsg_send(call: Call) -> dict[str, Any]:
    """Nudge the members; at most three times in 24 h."""
    message = _handed_out(call)
    if message.cancelled:
        raise ApiError(41093)
    recent = [at for at in message.reminders if call.sim.now - at < 86400]
    if len(recent) >= REMINDERS_PER_DAY:
        raise ApiError(41094)
    message.reminders = [*recent, call.sim.now]
    for userid in dict.fromkeys(delivery.userid for delivery in message.deliveries):
        if userid not in message.confirmed:
            call.sim.hub.publish("groupmsg", userid=userid, msgid=message.msgid)
    return {}


def cancel_groupmsg_send(call: Call) -> dict[str, Any]:
    """Take the task back from members who have not confirmed."""
    message = _known(call)
    if message.cancelled:
        raise ApiError(41093)
    message.cancelled = True
    return {}


_MSGID = Text(required=True, missing=41046, invalid=41047)
_PAGE: dict[str, Spec] = {"limit": Int(lo=1, hi=1000), "cursor": Text()}
ENDPOINTS: dict[str, Endpoint] = {
    "externalcontact/add_msg_template": Endpoint(
        add_msg_template,
        Obj(
            {
                "chat_type": Text(one_of=("single", "group")),
                "external_userid": Items(Text(required=True), hi=MAX_CUSTOMERS),
                "chat_id_list": Items(Text(required=True), hi=2000),
                "tag_filter": Obj({"group_list": Items(Obj({"tag_list": Items(Text(required=True), hi=100)}))}),
                "sender": Text(max_bytes=64),
                "allow_select": Flag(),
                **CONTENT,
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/get_groupmsg_list_v2": Endpoint(
        get_groupmsg_list_v2,
        Obj(
            {
                "chat_type": Text(required=True, one_of=("single", "group")),
                "start_time": Int(required=True),
                "end_time": Int(required=True),
                "creator": Text(),
                "filter_type": Int(hi=2),
                "limit": Int(lo=1, hi=100),
                "cursor": Text(),
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/get_groupmsg_task": Endpoint(get_groupmsg_task, Obj({"msgid": _MSGID, **_PAGE}), right="externalcontact"),
    "externalcontact/get_groupmsg_send_result": Endpoint(
        get_groupmsg_send_result, Obj({"msgid": _MSGID, "userid": Text(required=True), **_PAGE}), right="externalcontact"
    ),
    "externalcontact/remind_groupmsg_send": Endpoint(remind_groupmsg_send, Obj({"msgid": _MSGID}), right="externalcontact"),
    "externalcontact/cancel_groupmsg_send": Endpoint(cancel_groupmsg_send, Obj({"msgid": _MSGID}), right="externalcontact"),
}
