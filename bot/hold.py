"""May proactive rows that were decided upon a while ago still go out? Asked at the last moment, when the outbox takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
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
from records.restored import Restored
from records.sending import sending
from records.staff import Team

# Paused by a person; or, after the database was put back, until a person says so, and what may have gone already does not go twice.
PAUSED, RESTORED, IN_DOUBT = "sending_paused", "restored", "in_doubt"
LOOK_AGAIN = timedelta(minutes=1)
# Built once: making a statement takes longer than sending it.
_IDS = any_(bindparam("ids", type_=ARRAY(BigInteger)))
_STATES = select(Task.id, Task.state, Task.due_at).where(Task.id == _IDS)
_WISHES = select(Carer.id, Carer.stopped_at, Carer.paused_until).where(Carer.id == _IDS)
_ABOUT = (
    select(Contact.key, Team.name, Patient.died_at)
    .join(Patient, Contact.patient_id == Patient.id)
    .join(Team, Patient.team_id == Team.id)
    .where(Contact.key == any_(bindparam("keys", type_=ARRAY(Text))))
)
_TEAMS = select(Team.id, Team.name).where(Team.id == _IDS)


@dataclass(frozen=True)
class Hold:
    """`withdraw` it because of `reason`, or take it up again `later`, at `until`."""

    kind: Literal["withdraw", "later"]
    reason: str
    until: datetime | None = None


async def held_back(tx: AsyncSession, row: Outbound, chat: Chat | None, *, now: datetime, zone: ZoneInfo) -> Hold | None:
    """Why this proactive row may not go out now: its family has stopped or paused, its follow-up has ended, it is
    quiet, all of it is paused. None: it may."""
    return (await all_held_back(tx, [(row, chat)], now=now, zone=zone)).get(row.key)


async def all_held_back(
    tx: AsyncSession, rows: Sequence[tuple[Outbound, Chat | None]], *, now: datetime, zone: ZoneInfo
) -> dict[str, Hold]:
    """`held_back` of many, by key, in a number of statements that does not depend on how many; those that may go are left out."""
    tasks = {row.key: tasks_in(row.key) for row, _ in rows}
    ids = sorted({id for of in tasks.values() for id in of})
    looked = [each for each in await tx.execute(_STATES, {"ids": ids})] if ids else []
    states, due = {each.id: each.state for each in looked}, {each.id: each.due_at for each in looked}
    carers = {row.key: carer for row, chat in rows if (carer := row.payload.get("carer_id") or (chat.carer_id if chat else None))}
    wishes = {row.id: row for row in await tx.execute(_WISHES, {"ids": sorted({int(id) for id in carers.values()})})} if carers else {}
    about = {key: (name, died_at is not None) for key, name, died_at in await tx.execute(_ABOUT, {"keys": [row.key for row, _ in rows]})}
    unknown = {chat.team_id for row, chat in rows if chat is not None and row.key not in about}
    teams = {id: name for id, name in await tx.execute(_TEAMS, {"ids": sorted(unknown)})} if unknown else {}
    policy = await load_policy(tx)
    current, hours = await sending(tx), {}
    back = current.back
    found: dict[str, Hold] = {}
    for row, chat in rows:
        if current.pause is not None:
            found[row.key] = Hold("later", PAUSED, now + LOOK_AGAIN)
            continue
        if back is not None and (hold := _since_restored(back, row, [due[id] for id in tasks[row.key] if id in due], now)) is not None:
            found[row.key] = hold
            continue
        known = {states[id] for id in tasks[row.key] if id in states}
        # Of several, what is no longer wanted must not be said; the others are said anew.
        if tasks[row.key] and (known.isdisjoint(OPEN) or "withdrawn" in known):
            found[row.key] = Hold("withdraw", TASK_ENDED)
            continue
        wish = wishes.get(int(carers.get(row.key, 0)))
        if wish is not None and wish.stopped_at is not None:
            found[row.key] = Hold("withdraw", STOPPED)
            continue
        if wish is not None and wish.paused_until is not None and now < wish.paused_until:
            found[row.key] = Hold("later", "paused", wish.paused_until)
            continue
        department, died = about.get(row.key, (teams.get(chat.team_id) if chat is not None else None, False))
        if died:
            found[row.key] = Hold("withdraw", DIED)
            continue
        if department not in hours:
            hours[department] = policy.of(department).quiet.hours()
        if is_quiet(now, zone, hours[department]):
            found[row.key] = Hold("later", "quiet", quiet_ends(now, zone, hours[department]))
    return found


def _since_restored(back: Restored, row: Outbound, due: Sequence[datetime], now: datetime) -> Hold | None:
    """Why a row may not go since the database was put back. The chat's own messages are never in doubt: WeCom takes none twice."""
    if back.paused:
        return Hold("later", RESTORED, now + LOOK_AGAIN)
    if back.send_in_doubt or row.route == "kf" or back.known >= back.lost:
        return None
    doubtful = row.response.get("in_doubt") or any(at <= back.lost for at in due)
    return Hold("withdraw", IN_DOUBT) if doubtful else None
