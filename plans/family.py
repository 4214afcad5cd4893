"""What is due, family by family: a family is one carer, over all children and plans. Read in a handful of statements for many at once.

Families are spread over lanes. One job works on one lane at a time, so that nobody works on a family twice, and a lane is not a patient:
a hundred thousand due at eight are no more jobs than ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, Text, any_, bindparam, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY as PG_ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece
from plans.busy import busy_chats
from plans.open_tasks import reminders
from plans.personal import task_templates
from plans.task import OPEN, TALKING
from records.care_plan import Task
from records.chat import Chat
from records.patient import Carer, Patient

# Two workers with a few slots each find enough to do side by side.
LANES = 4
# What falls due so soon after is said in the same breath (R).
NEAR = timedelta(minutes=30)


@dataclass(frozen=True)
class Key:
    """A family: its carer, or, where nobody speaks for the patient, the patient."""

    carer_id: int | None
    patient_id: int | None = None

    @property
    def lane(self) -> int:
        """The lane in which the family is worked on."""
        return (self.carer_id or self.patient_id or 0) % LANES


@dataclass
class Family:
    """What is due for one family, locked. `chat` is the one in which it wrote last, `busy` whether something else is talked about there."""

    key: Key
    carer: Carer | None
    chat: Chat | None
    due: list[Piece] = field(default_factory=list)
    busy: bool = False


# The longest overdue first. A follow-up that is looked at again later stands in the second half of the union alone.
_DUE = text(
    """
    select coalesce(speaks.carer_id, 0) as carer_id, due.patient_id, due.id from (
        (select id, patient_id, due_at as at from task
            where state = 'scheduled' and next_at is null and due_at <= :now order by due_at, id limit :most)
        union all
        (select id, patient_id, next_at from task
            where next_at <= :now and state = any(:open) and due_at <= :now order by next_at, id limit :most)
    ) due
    left join lateral (
        select carer_id from patient_carer where patient_id = due.patient_id order by "primary" desc, carer_id limit 1
    ) speaks on true
    order by due.at, due.id
    """
).bindparams(bindparam("open", type_=ARRAY(Text)))
_PATIENTS = text(
    """
    select mine.patient_id, mine.carer_id from patient_carer mine
    where mine.carer_id = any(:carers) and mine.carer_id = (
        select carer_id from patient_carer each where each.patient_id = mine.patient_id order by "primary" desc, carer_id limit 1)
    """
).bindparams(bindparam("carers", type_=ARRAY(BigInteger)))
_CHATS = text(
    """
    select distinct on (carer_id) id from chat where carer_id = any(:carers)
    order by carer_id, window_from desc nulls last, id desc
    """
).bindparams(bindparam("carers", type_=ARRAY(BigInteger)))
_IDS = any_(bindparam("ids", type_=PG_ARRAY(BigInteger)))
_LOCK = select(Chat).where(Chat.id == _IDS).order_by(Chat.id).with_for_update(skip_locked=True).execution_options(populate_existing=True)
_TASKS = (
    select(Task)
    .where(
        Task.patient_id == _IDS,
        or_(
            (Task.state == "scheduled")
            & (Task.due_at <= bindparam("near"))
            & or_(Task.next_at.is_(None), Task.next_at <= bindparam("near")),
            Task.state.in_(TALKING) & (Task.next_at <= bindparam("near")),
        ),
    )
    .order_by(Task.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)


async def due_families(tx: AsyncSession, now: datetime, *, most: int, lane: int | None = None) -> list[Key]:
    """The families for whom something is due, the longest overdue first; those of `lane`. Looks at `most` follow-ups of each sort."""
    rows = await tx.execute(_DUE, {"now": now, "most": most, "open": sorted(OPEN)})
    keys = dict.fromkeys(Key(carer_id) if carer_id else Key(None, patient_id) for carer_id, patient_id, _ in rows)
    return [key for key in keys if lane is None or key.lane == lane]


async def family_of(tx: AsyncSession, task: Task) -> Key:
    """The family to which a follow-up belongs."""
    carer_id = await tx.scalar(
        text('select carer_id from patient_carer where patient_id = :patient order by "primary" desc, carer_id limit 1'),
        {"patient": task.patient_id},
    )
    return Key(carer_id) if carer_id else Key(None, task.patient_id)


async def read_families(tx: AsyncSession, keys: Sequence[Key], now: datetime) -> list[Family]:
    """These families with what is due for them now or soon, chats and follow-ups locked in the order in which a message locks them.

    A family whose chat somebody is working on at this moment is left out: it is due again at once, and nobody waits for it.
    """
    carers = [key.carer_id for key in keys if key.carer_id is not None]
    of_carer = {patient: carer for patient, carer in await tx.execute(_PATIENTS, {"carers": carers})} if carers else {}
    of_carer |= {key.patient_id: None for key in keys if key.patient_id is not None}
    wanted = list(await tx.scalars(_CHATS, {"carers": carers})) if carers else []
    chats = {chat.carer_id: chat for chat in await tx.scalars(_LOCK, {"ids": wanted})} if wanted else {}
    taken = set(wanted) - {chat.id for chat in chats.values()}
    known = {carer.id: carer for carer in await tx.scalars(select(Carer).where(Carer.id == _IDS), {"ids": carers})}
    patients = {each.id: each for each in await tx.scalars(select(Patient).where(Patient.id == _IDS), {"ids": list(of_carer)})}
    elsewhere = await _carers_of(tx, taken) if taken else set()
    await tx.flush()
    rows = [
        task
        for task in await tx.scalars(_TASKS, {"ids": [id for id, carer in of_carer.items() if carer not in elsewhere], "near": now + NEAR})
    ]
    templates = await task_templates(tx, rows)
    counts = await reminders(tx, [task.id for task in rows if task.state != "scheduled"])
    families = {key: Family(key, known.get(key.carer_id or 0), chats.get(key.carer_id)) for key in keys if key.carer_id not in elsewhere}
    for task in rows:
        carer = of_carer[task.patient_id]
        family = families.get(Key(carer) if carer is not None else Key(None, task.patient_id))
        if family is not None and task.id in templates:
            family.due.append(Piece(task, patients[task.patient_id], templates[task.id], counts.get(task.id, 0)))
    busy = await busy_chats(tx, {family.chat: {piece.task.id for piece in family.due} for family in families.values() if family.chat}, now)
    for family in families.values():
        family.busy = family.chat is not None and family.chat.id in busy
    return list(families.values())


async def _carers_of(tx: AsyncSession, chat_ids: set[int]) -> set[int | None]:
    return set(await tx.scalars(select(Chat.carer_id).where(Chat.id == _IDS), {"ids": sorted(chat_ids)}))


async def set_aside(tx: AsyncSession, keys: Sequence[Key], until: datetime, now: datetime) -> int:
    """Look at what is due for these families only at `until` again (one that raised must not stop the line); how many follow-ups."""
    carers = [key.carer_id for key in keys if key.carer_id is not None]
    ids = [id for id, _ in await tx.execute(_PATIENTS, {"carers": carers})] + [key.patient_id for key in keys if key.patient_id is not None]
    done = await tx.execute(
        text(
            "update task set next_at = :until where patient_id = any(:ids) and state = any(:open) and due_at <= :now"
            " and (next_at is null or next_at <= :now)"
        ).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("open", type_=ARRAY(Text))),
        {"until": until, "ids": ids, "open": sorted(OPEN), "now": now},
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


async def anything_due(tx: AsyncSession, now: datetime) -> set[int]:
    """The lanes in which something is due, as far as a look at the longest overdue tells."""
    return {key.lane for key in await due_families(tx, now, most=50 * LANES)}
