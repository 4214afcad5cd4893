"""Sending a content to a family by ourselves: wanted now, sent when the family's hours, budget and window allow it, never twice.

`push_content` only writes down what is wanted, so that it can be called in any transaction; `run_pushes` does what is due.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.content.composing import compose, words_of
from plans.content.kept import content_of
from plans.content.model import ArticleContent
from plans.content.reference import reference_line
from plans.guard import LOOK_AGAIN
from plans.reach.decide import decide_many
from plans.reach.route import Want
from plans.reach.window import left, why_closed
from plans.task import TALKING
from records.care_plan import Task
from records.chat import Chat, latest_chat
from records.contact import move_contacts
from records.content import PUSH_MOVES, ContentItem, ContentPush, ContentVersion, is_live
from records.content_read import ContentRead, article_read
from records.erasure import being_erased
from records.message import Outbound, enqueue
from records.patient import Carer, Patient, PatientCarer
from records.staff import Team
from records.state import StateChange, created, move

# Worth saying for so long when nobody says otherwise, and not said again within this (R).
USEFUL_FOR, NOT_AGAIN_WITHIN = timedelta(days=3), timedelta(days=30)
# While the chat's window is closed: a family that writes opens it for two days, so this is often enough.
CLOSED_FOR = timedelta(hours=1)
PUSHES_AT_ONCE = 100
_TABLE = ContentPush.metadata.tables[ContentPush.__tablename__]


async def push_content(
    tx: AsyncSession,
    patient: Patient,
    code: str,
    *,
    because: str,
    key: str,
    now: datetime,
    by: str = "system",
    again: bool = False,
    useful_until: datetime | None = None,
) -> ContentPush:
    """Want the content `code` sent to the patient's family, once per `key`; the push, waiting or (not published, another team's, no
    longer living) refused at once with its reason.

    `because` is why, in the words a clinician reads; `again` sends it even when the family had it lately.
    """
    values = {
        "key": key,
        "patient_id": patient.id,
        "code": code,
        "because": because,
        "by": by,
        "again": again,
        "state": "waiting",
        "next_at": now,
        "useful_until": useful_until or now + USEFUL_FOR,
        "created_at": now,
    }
    fresh = await tx.scalar(insert(_TABLE).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(_TABLE.c.id))
    push = (await tx.scalars(select(ContentPush).where(ContentPush.key == key))).one()
    if fresh is None:
        return push
    created(tx, push, at=now, by=by, reason=because)
    reason = "died" if patient.died_at is not None else await _unfit(tx, code, patient.team_id, now)
    if reason is not None:
        await _close(tx, push, "refused", reason, now)
    return push


async def pushes_due(tx: AsyncSession, now: datetime) -> bool:
    """Whether any push is to be looked at now."""
    due = select(ContentPush.id).where(ContentPush.state == "waiting", ContentPush.next_at <= now).limit(1)
    return await tx.scalar(due) is not None


async def run_pushes(
    tx: AsyncSession, now: datetime, zone: ZoneInfo, *, page: bool, limit: int = PUSHES_AT_ONCE
) -> tuple[Counter[str], list[str]]:
    """Look at the pushes that are due: counts of what became of them, and the outbox lines that have something to send.

    `page` says that families can open a content's page. Other workers' rows are passed over; chats stay locked until the transaction ends.
    """
    due = (
        select(ContentPush)
        .where(ContentPush.state == "waiting", ContentPush.next_at <= now)
        .order_by(ContentPush.next_at, ContentPush.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    done, lines = Counter[str](), list[str]()
    # One for each family at a time: the next finds what this one has used up. It is due still, and comes with the next look.
    wanted = dict[int, _Case]()
    for push in await tx.scalars(due):
        case = await _case(tx, push, now)
        if case is not None:
            wanted.setdefault(case.carer.id, case)
        done[push.state] += push.state != "waiting"
    decided = await may_send(tx, list(wanted.values()), now=now, zone=zone)
    for case in wanted.values():
        verdict = decided[case.push.key]
        if verdict.chat is None:
            await _hold(tx, case.push, verdict, now)
        elif (line := await _send(tx, case, verdict, now, zone=zone, page=page)) is not None:
            lines.append(line)
        done[case.push.state] += 1
    return done, lines


@dataclass(frozen=True)
class Verdict:
    """Whether a push may go now: into `chat`, as at most `room` messages; else `reason`, and when to look again (`until`)."""

    reason: str
    chat: Chat | None = None
    room: int = 0
    until: datetime | None = None
    key: str = ""


@dataclass(frozen=True)
class _Case:
    """A push with what it is about."""

    push: ContentPush
    patient: Patient
    carer: Carer
    team: str
    chat: Chat | None
    version: ContentVersion


async def may_send(tx: AsyncSession, cases: Sequence[_Case], *, now: datetime, zone: ZoneInfo) -> dict[str, Verdict]:
    """What the family's wishes, hours, budget and window say to each push, by its key; what may go is in the contact ledger then.

    Contents go into the chat alone: while its window is closed they wait for the family, and no clinician is troubled for them.
    """
    verdicts, wants, rooms = dict[str, Verdict](), list[Want](), dict[str, int]()
    for case in sorted(cases, key=lambda each: each.chat.id if each.chat is not None else 0):
        push, chat = case.push, case.chat
        if chat is None:
            verdicts[push.key] = Verdict("no_chat", until=now + CLOSED_FOR)
            continue
        await tx.refresh(chat, with_for_update=True)
        room = left(chat, "content", now) - await _queued(tx, chat)
        if room <= 0 and case.carer.stopped_at is None and chat.state == "bot":
            verdicts[push.key] = Verdict(why_closed(chat, now), until=now + CLOSED_FOR)
            continue
        rooms[push.key] = room
        busy = await _is_busy(tx, chat)
        wants.append(
            Want(_about(push), case.carer.id, "content", case.patient.id, department=case.team, useful_until=push.useful_until, busy=busy)
        )
    mine = {_about(case.push): case.push.key for case in cases}
    for about, decision in (await decide_many(tx, wants, now=now, zone=zone)).items():
        key = mine[about]
        if decision.kind == "send" and decision.route == "kf" and decision.chat is not None:
            verdicts[key] = Verdict("due", decision.chat, rooms[key], key=decision.key)
        elif decision.kind == "send":
            await move_contacts(tx, [decision.key], "withdrawn", now=now, error="contents go into the chat alone")
            verdicts[key] = Verdict("window_closed", until=now + CLOSED_FOR)
        else:
            verdicts[key] = Verdict(decision.reason, until=decision.until or now + LOOK_AGAIN)
    return verdicts


def _about(push: ContentPush) -> str:
    """What the ledger and the outbox call it: a key of somebody else's kind would be taken for one of his."""
    return f"content:{push.id}"


async def _case(tx: AsyncSession, push: ContentPush, now: datetime) -> _Case | None:
    """The push with everything about it; None when it came to its end here."""
    if now >= push.useful_until:
        await _close(tx, push, "expired", push.reason or "expired", now)
        return None
    patient = await tx.get_one(Patient, push.patient_id)
    if patient.died_at is not None:
        await _close(tx, push, "refused", "died", now)
        return None
    if await being_erased(tx, [push.patient_id]):
        await _close(tx, push, "refused", "erasing", now)
        return None
    version = await _live(tx, push.code, now)
    if version is None or (reason := await _unfit(tx, push.code, patient.team_id, now)) is not None:
        await _close(tx, push, "refused", "not_published" if version is None else reason or "", now)
        return None
    carer = await tx.scalar(
        select(Carer)
        .join(PatientCarer, PatientCarer.carer_id == Carer.id)
        .where(PatientCarer.patient_id == patient.id)
        .order_by(PatientCarer.primary.desc(), Carer.id)
        .limit(1)
    )
    if carer is None:
        await _close(tx, push, "refused", "no_carer", now)
        return None
    if not push.again and await _seen(tx, carer, push.code, now):
        await _close(tx, push, "refused", "seen", now)
        return None
    team = await tx.scalar(select(Team.name).where(Team.id == patient.team_id)) or ""
    return _Case(push, patient, carer, team, await latest_chat(tx, carer.id), version)


async def _send(tx: AsyncSession, case: _Case, verdict: Verdict, now: datetime, *, zone: ZoneInfo, page: bool) -> str | None:
    """Write down that the family is shown it, and put its messages into the chat's line; the line."""
    push, chat, version = case.push, verdict.chat, case.version
    if chat is None:
        await _close(tx, push, "refused", "not_published", now)
        return None
    shown = await show_content(tx, chat, case.patient.id, version, because=push.because, room=verdict.room, zone=zone, page=page, now=now)
    if shown is None:
        await _close(tx, push, "refused", "not_published", now)
        return None
    number, bodies = shown
    if not bodies:
        await move_contacts(tx, [verdict.key], "withdrawn", now=now, error="no room")
        await _hold(tx, push, Verdict("over_quota", until=now + CLOSED_FOR), now)
        return None
    line = f"chat:{chat.id}"
    for place, body in enumerate(bodies):
        key = verdict.key if place == 0 else f"{verdict.key}:{place}"
        await enqueue(
            tx, key, line=line, route="kf", payload=body, purpose="content", chat_id=chat.id, now=now, useful_until=push.useful_until
        )
    await move(tx, push, "sent", moves=PUSH_MOVES, at=now, by="system", next_at=None, reason=None, read_id=number, closed_at=now)
    return line


async def show_content(
    tx: AsyncSession,
    chat: Chat,
    patient_id: int,
    version: ContentVersion,
    *,
    because: str,
    room: int,
    zone: ZoneInfo,
    page: bool,
    now: datetime,
) -> tuple[int, list[dict[str, Any]]] | None:
    """Write down that the chat is shown an article: the number of that, and the bodies for the outbox, at most `room` of them.

    No bodies, and nothing written, where there is no room for its words; None when it may not be shown (any more).
    """
    content = content_of(version)
    if not isinstance(content, ArticleContent):
        return None
    code = await tx.scalar(select(ContentItem.code).where(ContentItem.id == version.content_id)) or ""
    read = await article_read(
        tx, chat, patient_id, code, version.version, now, ask=True, version_id=version.id, how="push", because=because
    )
    if read is None:
        return None
    number, ask = read
    parts = compose(content, reference_line(version, zone), page=page, ask=ask, room=room)
    if not parts:
        await tx.delete(await tx.get_one(ContentRead, number))
    about = {"read": number, "version": version.id}
    return number, [{"msgtype": "content", "content": {**about, "words": words_of(part, content), **part}} for part in parts]


async def _hold(tx: AsyncSession, push: ContentPush, verdict: Verdict, now: datetime) -> None:
    """It waits. Why is written down when that changes."""
    if verdict.reason == "expired":
        await _close(tx, push, "expired", push.reason or "expired", now)
        return
    if push.reason != verdict.reason:
        tx.add(
            StateChange(entity="content_push", entity_id=push.id, old="waiting", new="waiting", at=now, by="system", reason=verdict.reason)
        )
    push.reason, push.next_at = verdict.reason, min(verdict.until or now + LOOK_AGAIN, push.useful_until)


async def _close(tx: AsyncSession, push: ContentPush, state: str, reason: str, now: datetime) -> None:
    await move(tx, push, state, moves=PUSH_MOVES, at=now, by="system", reason=reason, next_at=None, closed_at=now)
    push.reason = reason


async def _live(tx: AsyncSession, code: str, now: datetime) -> ContentVersion | None:
    chosen = select(ContentVersion).join(ContentItem, ContentItem.id == ContentVersion.content_id)
    found: ContentVersion | None = await tx.scalar(chosen.where(ContentItem.code == code, ContentItem.kind == "article", is_live(now)))
    return found


async def article_for(tx: AsyncSession, code: str, team_id: int, now: datetime) -> ContentVersion | None:
    """The published version of an article that a patient of this team may be shown; None when there is none."""
    return None if await _unfit(tx, code, team_id, now) is not None else await _live(tx, code, now)


async def _unfit(tx: AsyncSession, code: str, team_id: int, now: datetime) -> str | None:
    """Why a patient's family cannot be sent it at all; None when it can."""
    version = await _live(tx, code, now)
    if version is None:
        return "not_published"
    item = await tx.get_one(ContentItem, version.content_id)
    return None if item.team_id in (None, team_id) else "other_team"


async def _seen(tx: AsyncSession, carer: Carer, code: str, now: datetime) -> bool:
    shown = select(ContentRead.id).join(Chat, Chat.id == ContentRead.chat_id)
    shown = shown.where(Chat.carer_id == carer.id, ContentRead.article == code, ContentRead.at > now - NOT_AGAIN_WITHIN)
    return await tx.scalar(shown.limit(1)) is not None


async def _queued(tx: AsyncSession, chat: Chat) -> int:
    waiting = select(func.count()).where(
        Outbound.chat_id == chat.id, Outbound.state == "queued", Outbound.route == "kf", Outbound.attempts == 0
    )
    return int(await tx.scalar(waiting) or 0)


async def _is_busy(tx: AsyncSession, chat: Chat) -> bool:
    """Whether a follow-up is being talked about there."""
    task = await tx.get(Task, chat.task_id) if chat.task_id is not None else None
    return task is not None and task.state in TALKING


async def push_history(tx: AsyncSession, patient_id: int, limit: int = 50) -> list[ContentPush]:
    """What was pushed to a patient's family, or was to be, the newest first. The caller has been let in to the patient."""
    chosen = select(ContentPush).where(ContentPush.patient_id == patient_id).order_by(ContentPush.id.desc()).limit(limit)
    return list(await tx.scalars(chosen))


async def push_counts(tx: AsyncSession, code: str | None = None) -> dict[str, Counter[str]]:
    """For each content (for one) how many pushes are in which state."""
    query = select(ContentPush.code, ContentPush.state, func.count()).group_by(ContentPush.code, ContentPush.state)
    found: dict[str, Counter[str]] = {}
    for name, state, count in await tx.execute(query if code is None else query.where(ContentPush.code == code)):
        found.setdefault(name, Counter())[state] = count
    return found
