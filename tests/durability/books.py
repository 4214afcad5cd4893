"""The books of both sides, the hospital's and the simulated WeCom's, held against each other. Every finding names its trail."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbox import HELD
from bot.replay import _reply_to
from integrations.wecom.outbound import message_id
from plans.reach.purpose import is_proactive
from plans.task import OPEN
from plans.task_key import tasks_in
from records.care_plan import Task
from records.chat import Chat
from records.flag import Flag, FlagNotice
from records.message import Inbound, Outbound
from records.observation import Observation
from records.state import StateChange
from tests.durability.families import Family
from tests.durability.hospital import Hospital

# When, whether the family said it, and the message's id.
Spoken = tuple[datetime, bool, str]


WINDOW, MOST, MOST_PROACTIVE = timedelta(hours=48), 5, 4


@dataclass
class Books:
    """All rows, and what WeCom took."""

    inbound: dict[str, Inbound]
    outbound: dict[str, Outbound]
    chats: dict[int, Chat]
    flags: list[Flag]
    notices: list[FlagNotice]
    tasks: list[Task]
    observations: list[Observation]
    changes: list[StateChange]
    sent: list[dict[str, Any]]
    cards: list[dict[str, Any]]
    # "path errcode" of the calls that WeCom refused, and how often; and what was said in each family's chat: (when, by the family, id).
    rejected: dict[str, int]
    lines: dict[str, list[Spoken]]
    # How far the clocks of our processes lay apart at the worst, or went back.
    doubt: timedelta = timedelta()

    def openings(self) -> dict[int, list[Outbound]]:
        """By follow-up, what opened it: at once, or when the family came to a closed window. One message may open several."""
        found = defaultdict[int, list[Outbound]](list)
        for out in self.outbound.values():
            if out.key.endswith(":opening") or ":opened:" in out.key:
                for task_id in tasks_in(out.key):
                    found[task_id].append(out)
        return found

    def trail(self, msgid: str) -> str:
        """Everything that is on record about a message."""
        row = self.inbound.get(msgid)
        if row is None:
            return f"{msgid}: no inbound row"
        replies = [out for out in self.outbound.values() if out.key.startswith(f"reply:{msgid}") or out.key.endswith(f":{msgid}")]
        if (burst := _reply_to(row, self.inbound, self.outbound)) is not None and burst not in replies:
            replies.append(burst)
        flags = [flag for flag in self.flags if flag.chat_id == row.chat_id]
        return "\n".join(
            [
                f"  inbound {row.id} {msgid} chat {row.chat_id} {row.state} attempts {row.attempts} error {row.error}"
                f" received {row.received_at:%T.%f} handled {row.handled_at or ''} {row.outcome} {row.text!r}",
                *(self.row(out) for out in replies),
                *(self.flag(flag) for flag in flags),
                *self.moves("chat", row.chat_id),
            ]
        )

    def row(self, out: Outbound) -> str:
        taken = sum(each["msgid"] == message_id(out.key) for each in self.sent)
        return (
            f"  outbound {out.key} seq {out.seq} {out.route} {out.state} attempts {out.attempts} error {out.error}"
            f" sent {out.sent_at} {out.response}; WeCom took it {taken} times"
        )

    def flag(self, flag: Flag) -> str:
        head = f"  flag {flag.id} {flag.category} {flag.level} {flag.state} round {flag.round} next {flag.next_at}"
        return "\n".join([head, *self.moves("flag", flag.id)])

    def moves(self, entity: str, number: int) -> list[str]:
        return [
            f"    {change.at:%T.%f} {entity} {number}: {change.old} -> {change.new} by {change.by} ({change.reason})"
            for change in self.changes
            if (change.entity, change.entity_id) == (entity, number)
        ]


async def open_books(hospital: Hospital, everybody: list[Family], *, doubt: timedelta = timedelta()) -> Books:
    """Read both sides once the run is over."""
    ledger = await hospital.control("GET", "ledger")
    lines = {}
    for family in everybody:
        chat = await hospital.control("GET", f"chats/{family.account}/{family.user}")
        said = [each for each in chat["messages"] if each["from"] in ("customer", "bot")]
        lines[family.user] = [(datetime.fromisoformat(each["at"]), each["from"] == "customer", each["msgid"]) for each in said]

    async def read(tx: AsyncSession) -> Books:
        return Books(
            inbound={row.msgid: row for row in await tx.scalars(select(Inbound).where(Inbound.origin == 3).order_by(Inbound.id))},
            outbound={row.key: row for row in await tx.scalars(select(Outbound).order_by(Outbound.seq))},
            chats={chat.id: chat for chat in await tx.scalars(select(Chat))},
            flags=list(await tx.scalars(select(Flag).order_by(Flag.id))),
            notices=list(await tx.scalars(select(FlagNotice).order_by(FlagNotice.id))),
            tasks=list(await tx.scalars(select(Task).order_by(Task.id))),
            observations=list(await tx.scalars(select(Observation).order_by(Observation.id))),
            changes=list(await tx.scalars(select(StateChange).order_by(StateChange.id))),
            sent=ledger["messages"],
            cards=[each for each in ledger["app_messages"] if each["msgtype"] == "template_card"],
            rejected={f"{each['path']} {each['errcode']}": int(each["count"]) for each in ledger["rejected"]},
            lines=lines,
            doubt=doubt,
        )

    return await hospital.ask(read)


def findings(books: Books, everybody: list[Family]) -> Iterator[str]:
    """Everything that is lost, doubled or out of order; nothing when all is well."""
    yield from _stored_once(books, everybody)
    yield from _in_order(books, everybody)
    yield from _answered_once(books)
    yield from _sent_once(books)
    yield from _replies_in_order(books)
    yield from _follow_ups(books)
    yield from _alerts(books)
    yield from _effects_once(books)
    yield from _limits(books)


def _stored_once(books: Books, everybody: list[Family]) -> Iterator[str]:
    said = {msgid: words for family in everybody for msgid, words in family.said}
    for msgid, words in said.items():
        if msgid not in books.inbound:
            yield f"LOST: {words!r} ({msgid}) was said and never stored"
    for msgid in books.inbound.keys() - said.keys():
        yield f"STRANGE: nobody said\n{books.trail(msgid)}"
    for row in books.inbound.values():
        if row.state not in ("done", "recorded"):
            yield f"NOT HANDLED:\n{books.trail(row.msgid)}"


def _in_order(books: Books, everybody: list[Family]) -> Iterator[str]:
    for family in everybody:
        rows = [books.inbound[msgid] for msgid, _ in family.said if msgid in books.inbound]
        for before, after in pairwise(rows):
            late = before.handled_at is not None and after.handled_at is not None and before.handled_at - after.handled_at > books.doubt
            if before.id > after.id or late:
                yield f"OUT OF ORDER:\n{books.trail(before.msgid)}\n{books.trail(after.msgid)}"


def _answered_once(books: Books) -> Iterator[str]:
    """A message is answered by one reply, of its own or of its burst; or a person owned the chat and it is on record."""
    for row in books.inbound.values():
        reply = _reply_to(row, books.inbound, books.outbound)
        if row.state == "recorded":
            if row.outcome.get("answer") != "human_owns":
                yield f"RECORDED WITHOUT A REASON:\n{books.trail(row.msgid)}"
        elif reply is None:
            yield f"SILENCE: no reply to\n{books.trail(row.msgid)}"
    for out in books.outbound.values():
        if out.purpose == "reply" and out.key.startswith("reply:") and out.key.split(":")[1] not in books.inbound:
            yield f"A REPLY TO NOTHING:\n{books.row(out)}"


def _sent_once(books: Books) -> Iterator[str]:
    """Every row that is over was taken by WeCom once if it says so, and not at all if it says not."""
    taken = Counter(each["msgid"] for each in books.sent)
    known = {message_id(out.key): out for out in books.outbound.values() if out.route in ("kf", "kf_event")}
    for msgid, times in taken.items():
        if msgid not in known:
            yield f"SENT WITHOUT A ROW: {msgid}"
        elif times > 1:
            yield f"SENT {times} TIMES:\n{books.row(known[msgid])}"
    for msgid, out in known.items():
        human = out.chat_id is not None and books.chats[out.chat_id].state == "human"
        if out.state == "sent" and not taken[msgid]:
            yield f"NOT SENT, BUT SAID TO BE:\n{books.row(out)}"
        if out.state != "sent" and taken[msgid]:
            yield f"SENT, BUT SAID NOT TO BE:\n{books.row(out)}"
        if out.state in ("queued", "sending") and not (out.error == HELD and human):
            yield f"STILL WAITING:\n{books.row(out)}"
        if out.state == "failed" and out.error != "human_owns":
            yield f"FAILED:\n{books.row(out)}"
        if out.state == "withdrawn" and out.purpose == "reply":
            yield f"A REPLY WITHDRAWN:\n{books.row(out)}"


def _replies_in_order(books: Books) -> Iterator[str]:
    """What answers goes in its order, and so does what we began; the first may overtake the second (Outbox._claim)."""
    known = {message_id(out.key): out for out in books.outbound.values()}
    last: dict[tuple[str, bool], Outbound] = {}
    for each in books.sent:
        out = known.get(each["msgid"])
        if out is None:
            continue
        lane = out.line, is_proactive(out.purpose)
        before = last.get(lane)
        if before is not None and before.seq > out.seq:
            yield f"SENT OUT OF ORDER:\n{books.row(before)}\n{books.row(out)}"
        last[lane] = out


def _follow_ups(books: Books) -> Iterator[str]:
    """Each was opened once, or the family spoke first, or its state says why not.

    The family may also speak between the opening's row and its sending: then WeCom's window can be full of the answers to what the family
    wrote meanwhile, and the opening is withdrawn from a follow-up that the family itself has begun.
    """
    openings = books.openings()
    for task in books.tasks:
        # The last one counts: one that found the window closed is withdrawn, and said when the family comes.
        opened = openings.get(task.id, [])
        opening = opened[-1] if opened else None
        moves = [(change.old, change.new) for change in books.changes if (change.entity, change.entity_id) == ("task", task.id)]
        spoke = any(change.by == "family" for change in books.changes if (change.entity, change.entity_id) == ("task", task.id))
        trail = "\n".join([f"  task {task.id} {task.state} {task.outcome}", *books.moves("task", task.id)])
        if (times := max(moves.count(("scheduled", "sent")), sum(out.state == "sent" for out in opened))) > 1:
            yield f"OPENED {times} TIMES:\n{trail}"
        elif opening is not None and opening.state != "sent" and task.state != "undeliverable" and not (spoke and opening.error == HELD):
            yield f"OPENING NOT SENT:\n{books.row(opening)}\n{trail}"
        elif opening is None and not spoke and (task.state in OPEN or not task.outcome):
            yield f"NEVER OPENED, NO REASON:\n{trail}"


def _alerts(books: Books) -> Iterator[str]:
    """Whoever was in danger has an alert; each alert reached somebody; each card was shown once; none ends in silence."""
    shown = Counter(card["task_id"] for card in books.cards)
    for card in books.cards:
        if card["dropped"]:
            yield f"CARD DROPPED: {card['task_id']} for {card['dropped']}"
    for notice in books.notices:
        # Somebody had the alert in hand before this card's turn came.
        unwanted = notice.state == "withdrawn" and any(
            change.new in ("acknowledged", "closed")
            for change in books.changes
            if (change.entity, change.entity_id) == ("flag", notice.flag_id)
        )
        if shown[notice.card] != (0 if unwanted else 1) or not (unwanted or notice.state == "delivered"):
            out = books.outbound.get(f"card:{notice.card}")
            yield f"CARD {notice.card} ({notice.state}) SHOWN {shown[notice.card]} TIMES\n{books.row(out) if out else ''}"
    for task_id in shown.keys() - {notice.card for notice in books.notices}:
        yield f"CARD WITHOUT NOTICE: {task_id}"
    for flag in books.flags:
        delivered = [change for change in books.changes if (change.entity, change.entity_id, change.new) == ("flag", flag.id, "delivered")]
        if not delivered:
            yield f"ALERT NEVER DELIVERED:\n{books.flag(flag)}"
        if flag.state in ("raised", "delivered") and flag.next_at is None:
            yield f"ALERT ENDS IN SILENCE:\n{books.flag(flag)}"
    for row in books.inbound.values():
        if row.outcome.get("triage", "routine") == "routine":
            continue
        wanted = row.outcome["categories"][0]
        if not any(flag.chat_id == row.chat_id and wanted in flag.categories for flag in books.flags):
            yield f"DANGER WITHOUT ALERT ({wanted}):\n{books.trail(row.msgid)}"


def _effects_once(books: Books) -> Iterator[str]:
    """A finding of a message is written down once."""
    written = Counter((seen.message_id, seen.code, seen.value, seen.text, seen.effective_at) for seen in books.observations)
    for (message, code, *_), times in written.items():
        if message is not None and times > 1:
            yield f"WRITTEN DOWN {times} TIMES: {code} of message {message}"


def _limits(books: Books) -> Iterator[str]:
    """Never more than five messages to a word of the family, of which at most four we began, and none after 48 hours."""
    known = {message_id(out.key): out for out in books.outbound.values()}
    for user, line in books.lines.items():
        # What goes by an event's code needs no window.
        counted = [each for each in line if each[1] or (each[2] in known and known[each[2]].route == "kf")]
        for at, msgid, what in beyond(counted, lambda msgid: is_proactive(known[msgid].purpose)):
            yield f"{what}: to {user} at {at}\n{books.row(known[msgid])}"


def beyond(line: list[Spoken], began: Callable[[str], bool]) -> Iterator[tuple[datetime, str, str]]:
    """What was sent in a chat beyond WeCom's window, when and how; `began` says whether a message is one that we began ourselves."""
    opened, used = None, 0
    for at, from_family, msgid in line:
        if from_family:
            opened, used = at, 0
            continue
        used += 1
        if opened is None or at - opened >= WINDOW:
            yield at, msgid, "OUTSIDE THE WINDOW"
        if used > MOST:
            yield at, msgid, "OVER THE WINDOW'S QUOTA"
        if began(msgid) and used > MOST_PROACTIVE:
            yield at, msgid, "TOOK THE RESERVE"
