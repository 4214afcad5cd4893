"""What a clinician does with an alert, from a card in WeCom or from the console: take it, pass it on, close it with an outcome.

Each gives the outbox lines to send once the caller's transaction is there: the cards of everybody follow.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import NEXT_TIER, claimed_card, show_everywhere, taken_by, withdraw_cards
from bot.escalation import ladders, next_tier, notify
from bot.handover import hand_over
from bot.jobs import DANGER, Job, defer
from bot.lines import deliver
from bot.texts import say
from records.chat import Chat
from records.flag import FLAG_MOVES, Flag, FlagNotice, close_flag, find_flag, lock_flag
from records.message import enqueue
from records.patient import AccessRefused, Patient, ReadAudit, note_reads
from records.question import close_questions
from records.staff import Staff, Team, TeamMember, colleagues, teams_of
from records.state import move

WHY = "alert"
# What came of an alert, as its closing says; `handled` where a card was tapped, `answered` where the family's question was.
OUTCOMES = ("handled", "advised", "came_in", "sent_to_emergency", "admitted", "not_reached", "false_alarm", "answered")


async def access_alert(
    tx: AsyncSession, staff: Staff, flag_id: int, *, now: datetime, lock: bool = True, lasting: bool = False
) -> tuple[Flag, Chat | None]:
    """The alert and its chat, if `staff` is an active member of its team, and of its patient's; the read is audited, when `lasting`
    with the look it belongs to.

    Raises AccessRefused, for one that is not there too.
    """
    flag, chat = await (lock_flag if lock else find_flag)(tx, flag_id)
    teams = set(await tx.scalars(teams_of(staff.id)))
    patient = await tx.get(Patient, flag.patient_id) if flag is not None and flag.patient_id is not None else None
    if flag is None or not staff.active or not {flag.team_id, patient.team_id if patient else flag.team_id} <= teams:
        raise AccessRefused(f"alert {flag_id}")
    if patient is not None and lasting:
        await note_reads(tx, staff, {patient.id}, why=WHY, now=now)
    elif patient is not None:
        tx.add(ReadAudit(patient_id=patient.id, staff_id=staff.id, at=now, why=WHY))
    return flag, chat


def is_theirs(flag: Flag, staff: Staff) -> bool:
    """Whether `staff` may take or pass on the alert: it is open, and nobody else has it."""
    return flag.state != "closed" and (flag.state != "acknowledged" or flag.owner_id == staff.id)


async def claim(
    tx: AsyncSession, flag: Flag, chat: Chat | None, staff: Staff, now: datetime, *, tapped: FlagNotice | None = None
) -> list[str]:
    """The clinician has it: timers stop, the chat becomes hers, everybody sees it. `tapped` is the card by which she took it."""
    if not await move(
        tx, flag, "acknowledged", moves=FLAG_MOVES, at=now, by=staff.userid, owner_id=staff.id, acknowledged_at=now, next_at=None
    ):
        return []
    await withdraw_cards(tx, flag)
    own = tapped or await _own_card(tx, flag, staff)
    lines = await show_everywhere(tx, flag, await taken_by(tx, flag), now, keep=own)
    if own is not None:
        patient = await tx.get(Patient, flag.patient_id) if flag.patient_id is not None else None
        team = await tx.get_one(Team, flag.team_id)
        card = claimed_card(own.card, flag, patient, team, await colleagues(tx, flag.team_id, staff), now)
        await enqueue(
            tx,
            f"update:{own.card}:claimed:{now.timestamp():.0f}",
            line=f"staff:{staff.userid}",
            route="app_update",
            payload={"userids": [staff.userid], "response_code": own.response_code, "template_card": card},
            purpose="card_update",
            now=now,
        )
        own.response_code = None
        lines.append(f"staff:{staff.userid}")
    if chat is not None:
        await hand_over(tx, chat, key=f"handover:flag:{flag.id}:{staff.userid}:{now.timestamp():.0f}", now=now, to=staff)
        await deliver(tx, [f"chat:{chat.id}"])
    return lines


async def transfer(tx: AsyncSession, flag: Flag, staff: Staff, to: str, now: datetime) -> list[str]:
    """To one colleague, or to the next tier (NEXT_TIER). The alert is open again and its clock runs until the other one has it."""
    await withdraw_cards(tx, flag)
    flag.round += 1
    person = None
    if to != NEXT_TIER:
        person = await tx.scalar(select(Staff).join(TeamMember).where(Staff.userid == to, Staff.active, TeamMember.team_id == flag.team_id))
    flag.next_at = now + ladders()[flag.level].repeat
    if flag.state in ("raised", "acknowledged"):
        await move(
            tx,
            flag,
            "delivered",
            moves=FLAG_MOVES,
            at=now,
            by=staff.userid,
            reason=f"transferred to {to}",
            owner_id=None,
            next_at=flag.next_at,
        )
    people = [person] if person is not None else await next_tier(tx, flag, now)
    lines = [await notify(tx, flag, each, now) for each in people]
    if not people:
        # There is no next tier: everybody is asked again.
        flag.next_at = now
        await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")], priority=DANGER)
    name = person.name if person is not None else say("card.next_tier")
    return lines + await show_everywhere(tx, flag, say("card.transferred_by", name=staff.name, to=name), now)


async def close(
    tx: AsyncSession, flag: Flag, staff: Staff, now: datetime, *, outcome: str = "handled", note: str | None = None
) -> list[str]:
    """It is over, with one of OUTCOMES; `note` in the clinician's words goes with the change of state."""
    await close_flag(tx, flag, by=staff.userid, owner_id=staff.id, outcome=outcome, reason=note, now=now)
    await close_questions(tx, flag, by=staff.userid, now=now)
    await withdraw_cards(tx, flag)
    return await show_everywhere(tx, flag, say("card.closed_by", name=staff.name), now)


async def _own_card(tx: AsyncSession, flag: Flag, staff: Staff) -> FlagNotice | None:
    """Her newest card that can still be changed."""
    own = (FlagNotice.flag_id == flag.id, FlagNotice.staff_id == staff.id, FlagNotice.response_code.is_not(None))
    card: FlagNotice | None = await tx.scalar(select(FlagNotice).where(*own).order_by(FlagNotice.id.desc()).limit(1))
    return card
