"""A clinician's open work goes to somebody else, when he is away or has left for good."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import show_everywhere, withdraw_cards
from bot.escalation import ladders, notify
from bot.handover import hand_over
from bot.jobs import DANGER, Job, defer
from bot.lines import deliver
from bot.texts import say
from plans.errand import pass_errand
from plans.rota import end_duties_of
from records.account import end_sessions_of
from records.chat import Chat
from records.errand import Errand, raise_errand
from records.flag import FLAG_MOVES, Flag, lock_flag
from records.patient import Patient
from records.staff import Staff, teams_of
from records.state import StateChange, move

KIND = "handover"


@dataclass(frozen=True)
class Work:
    """How much somebody has in hand: alerts that he has taken, chats that are his, errands that he has taken."""

    alerts: int = 0
    chats: int = 0
    errands: int = 0

    @property
    def all(self) -> int:
        """Everything together."""
        return self.alerts + self.chats + self.errands


async def open_work(tx: AsyncSession, staff: Collection[int], teams: Collection[int] | None = None) -> dict[int, Work]:
    """What each of them has in hand (in these teams)."""
    counts = []
    for table, state in ((Flag, "acknowledged"), (Chat, "human"), (Errand, "open")):
        query = select(table.owner_id, func.count()).where(table.owner_id.in_(staff), table.state == state).group_by(table.owner_id)
        counts.append(dict((await tx.execute(query if teams is None else query.where(table.team_id.in_(teams)))).all()))
    return {one: Work(*(count.get(one, 0) for count in counts)) for one in staff}


async def hand_over_work(
    tx: AsyncSession, person: Staff, *, to: Staff | None, by: str, now: datetime, teams: Collection[int] | None = None
) -> Work:
    """Give what `person` has in hand (in these teams) to `to`, or where `to` is None or not of the team, back to whoever is on call.

    An alert is open again until the other one takes it: none is silently somebody's who does not know. What went over is counted.
    """
    members = set(await tx.scalars(teams_of(to.id))) if to is not None else set()
    counts = []
    for table, state, give in ((Flag, "acknowledged", _flag), (Chat, "human", _chat), (Errand, "open", _errand)):
        query = select(table.id, table.team_id).where(table.owner_id == person.id, table.state == state).order_by(table.id)
        rows = (await tx.execute(query if teams is None else query.where(table.team_id.in_(teams)))).all()
        counts.append(sum([await give(tx, row_id, person, to if team_id in members else None, by, now) for row_id, team_id in rows]))
    return Work(*counts)


async def leave(tx: AsyncSession, person: Staff, *, by: str, now: datetime, to: Staff | None = None, reason: str = "left") -> Work:
    """He works here no longer: cannot sign in, his sessions and duties end, his work goes over. Nothing for one who has left already."""
    if not person.active:
        return Work()
    person.active = False
    tx.add(StateChange(entity="staff", entity_id=person.id, old="active", new="left", at=now, by=by, reason=reason))
    await end_sessions_of(tx, person.id, now)
    await end_duties_of(tx, person.id, by=by, now=now)
    await tx.flush()
    return await hand_over_work(tx, person, to=to, by=by, now=now)


def come_back(tx: AsyncSession, person: Staff, *, by: str, now: datetime) -> None:
    """He works here again, with the teams and roles that he had; a duty is given anew."""
    if not person.active:
        person.active = True
        tx.add(StateChange(entity="staff", entity_id=person.id, old="left", new="active", at=now, by=by, reason=None))


async def _flag(tx: AsyncSession, flag_id: int, person: Staff, to: Staff | None, by: str, now: datetime) -> bool:
    flag, _ = await lock_flag(tx, flag_id)
    if flag is None or flag.owner_id != person.id or flag.state != "acknowledged":
        return False
    await withdraw_cards(tx, flag)
    flag.round += 1
    next_at = now + ladders()[flag.level].repeat if to is not None else now
    reason = f"transferred to {to.userid}" if to is not None else f"{person.userid} gave it back"
    await move(tx, flag, "delivered", moves=FLAG_MOVES, at=now, by=by, reason=reason, owner_id=None, next_at=next_at)
    name = to.name if to is not None else say("handover.on_call")
    lines = await show_everywhere(tx, flag, say("card.transferred_by", name=person.name, to=name), now)
    if to is not None:
        lines.append(await notify(tx, flag, to, now))
    else:
        await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")], priority=DANGER)
    await deliver(tx, lines)
    return True


async def _chat(tx: AsyncSession, chat_id: int, person: Staff, to: Staff | None, by: str, now: datetime) -> bool:
    chat = await tx.scalar(select(Chat).where(Chat.id == chat_id).with_for_update().execution_options(populate_existing=True))
    if chat is None or chat.owner_id != person.id or chat.state != "human":
        return False
    key = f"{chat.id}:{person.id}:{now.timestamp():.0f}"
    if not await hand_over(tx, chat, key=f"handover:left:{key}", now=now, to=to):
        # Nobody's is what everybody sees; his it would stay for ever.
        chat.owner_id = None
    await deliver(tx, [f"chat:{chat.id}"])
    patient = await tx.get(Patient, chat.patient_id) if chat.patient_id is not None else None
    if to is None and patient is not None:
        text, because = say("handover.chat"), say("handover.because", name=person.name)
        await raise_errand(tx, patient, kind=KIND, text=text, because=because, key=f"{KIND}:{key}", now=now, by=by)
    return True


async def _errand(tx: AsyncSession, errand_id: int, person: Staff, to: Staff | None, by: str, now: datetime) -> bool:
    errand = await tx.scalar(select(Errand).where(Errand.id == errand_id).with_for_update().execution_options(populate_existing=True))
    if errand is None or errand.owner_id != person.id or errand.state != "open":
        return False
    pass_errand(tx, errand, to, by=by, now=now)
    return True
