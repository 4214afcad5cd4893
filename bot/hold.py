"""May a proactive row that was decided upon a while ago still go out? Asked at the last moment, when the outbox takes the row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.reach import STOPPED, TASK_ENDED
from plans.death import DIED
from plans.guard import is_quiet, quiet_ends
from plans.reach.policy import load_policy
from plans.task import OPEN
from plans.task_key import tasks_in
from records.care_plan import Task
from records.chat import Chat
from records.contact import Contact
from records.message import Outbound
from records.patient import Carer, Patient
from records.staff import Team


@dataclass(frozen=True)
class Hold:
    """`withdraw` it because of `reason`, or take it up again `later`, at `until`."""

    kind: Literal["withdraw", "later"]
    reason: str
    until: datetime | None = None


async def held_back(tx: AsyncSession, row: Outbound, chat: Chat | None, *, now: datetime, zone: ZoneInfo) -> Hold | None:
    """Why this proactive row may not go out now: its family has stopped or paused, its follow-up has ended, it is quiet. None: it may."""
    if ids := tasks_in(row.key):
        states = set(await tx.scalars(select(Task.state).where(Task.id.in_(ids))))
        # Of several, what is no longer wanted must not be said; the others are said anew.
        if states.isdisjoint(OPEN) or "withdrawn" in states:
            return Hold("withdraw", TASK_ENDED)
    carer_id = row.payload.get("carer_id") or (chat.carer_id if chat is not None else None)
    carer = await tx.get(Carer, int(carer_id), populate_existing=True) if carer_id is not None else None
    if carer is not None and carer.stopped_at is not None:
        return Hold("withdraw", STOPPED)
    if carer is not None and carer.paused_until is not None and now < carer.paused_until:
        return Hold("later", "paused", carer.paused_until)
    department, died = await _whose(tx, row, chat)
    if died:
        return Hold("withdraw", DIED)
    quiet = (await load_policy(tx)).of(department).quiet.hours()
    return Hold("later", "quiet", quiet_ends(now, zone, quiet)) if is_quiet(now, zone, quiet) else None


async def _whose(tx: AsyncSession, row: Outbound, chat: Chat | None) -> tuple[str | None, bool]:
    """The department whose rules hold, and whether the patient whom it is about has died."""
    about = (
        select(Team.name, Patient.died_at)
        .join(Patient, Patient.team_id == Team.id)
        .join(Contact, Contact.patient_id == Patient.id)
        .where(Contact.key == row.key)
    )
    found = (await tx.execute(about)).first()
    if found is not None:
        return found.name, found.died_at is not None
    return (await tx.scalar(select(Team.name).where(Team.id == chat.team_id)) if chat is not None else None), False
