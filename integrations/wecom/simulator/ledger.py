"""What the corp's apps have sent, for tests and for doubt."""

from itertools import takewhile
from typing import Any

from integrations.wecom.simulator.clock import iso
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Chat, Message


def busiest_minute(sim: Simulator) -> int:
    """The most kf messages that were accepted within any 60 seconds."""
    moments = sorted(m.at for chat in sim.world.chats.values() for m in chat.messages.values() if m.sender == "bot")
    first = most = 0
    for last, at in enumerate(moments):
        while moments[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def latest(sim: Simulator, after: int) -> dict[str, Any]:
    """The kf messages accepted since number `after`, in order, and the number of the last of all messages: for who looks often."""
    sent = [
        (message, chat)
        for chat in sim.world.chats.values()
        for message in takewhile(lambda each: each.serial > after, reversed(chat.messages.values()))
        if message.sender == "bot"
    ]
    return {"serial": sim.world.serial, "messages": _told(sent)}


def ledger(sim: Simulator) -> dict[str, Any]:
    """Accepted kf messages in order over all chats, app and mass messages in order, and refused calls with their count."""
    return {
        "messages": _told([(m, chat) for chat in sim.world.chats.values() for m in chat.messages.values() if m.sender == "bot"]),
        "app_messages": [
            {
                "msgid": message.msgid,
                "agentid": message.agentid,
                "at": iso(message.at),
                "msgtype": message.msgtype,
                "body": message.body,
                "userids": message.userids,
                "dropped": message.dropped,
                "task_id": message.task_id,
                "recalled": message.recalled,
            }
            for message in sim.world.app_messages.values()
        ],
        "mass_messages": [
            {
                "msgid": message.msgid,
                "at": iso(message.at),
                **message.content,
                "cancelled": message.cancelled,
                "reminded": len(message.reminders),
                "confirmed": list(message.confirmed),
                "deliveries": [
                    {"userid": each.userid, "external_userid": each.external_userid, "status": each.status} for each in message.deliveries
                ],
            }
            for message in sim.world.mass_messages.values()
        ],
        "rejected": [
            {"path": path, "errcode": int(code), "count": count}
            for (path, code), count in ((key.rsplit(" ", 1), count) for key, count in sim.world.rejected_calls.items())
        ],
    }


def _told(sent: list[tuple[Message, Chat]]) -> list[dict[str, Any]]:
    return [
        {
            "msgid": message.msgid,
            "open_kfid": chat.open_kfid,
            "external_userid": chat.external_userid,
            "at": iso(message.at),
            "msgtype": message.msgtype,
            "body": message.body,
            "status": message.status,
        }
        for message, chat in sorted(sent, key=lambda entry: entry[0].serial)
    ]
