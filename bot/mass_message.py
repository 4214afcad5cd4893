"""Sending mass messages: in batches, behind everything else, each family once, as its wishes, the hour and its budget allow."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import NORMAL, Job
from bot.lines import deliver
from bot.reach import Means, Message, reach_many
from integrations.wecom.outbound import text as body
from plans.mass_message.compose import fill
from plans.mass_message.life import MASS_MOVES
from plans.mass_message.results import about
from plans.mass_message.words import say
from plans.mass_message.write import begin
from plans.reach.route import Decision, Want
from records.database import Database
from records.mass_message import MassMessage, MassRecipient, children_of
from records.message import Outbound, enqueue
from records.patient import Patient
from records.staff import Staff, Team
from records.state import move

log = structlog.get_logger(__name__)

JOB = "mass"
# So many families share a transaction: their chats are locked for some tens of milliseconds, no longer.
BATCH = 50
# One job hands out so many, then the sweep makes the next, so that others get their turn.
A_JOB = 500
# With so many jobs of live chats waiting, mass messages wait too.
BUSY, WAIT_WHEN_BUSY = 50, timedelta(seconds=30)

_WAITING_JOBS = text(
    "select count(*) from (select 1 from procrastinate_jobs where status = 'todo' and priority >= :normal limit :busy) as waiting"
)


async def send_test(tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime) -> None:
    """Send it to whoever tries it, in WeCom, marked as a test and with a name that is nobody's."""
    line = f"staff:{staff.userid}"
    number = await tx.scalar(select(func.count()).where(Outbound.key.startswith(f"masstest:{message.id}:"))) or 0
    payload = body(say("message.test") + fill(message.text, [say("message.nobody")]))
    await enqueue(tx, f"masstest:{message.id}:{number + 1}", line=line, route="app", payload=payload, purpose="notice", now=now)
    await deliver(tx, [line], priority=NORMAL)


async def masses_due(tx: AsyncSession, now: datetime) -> list[Job]:
    """A job for each mass message whose next batch is due."""
    due = (
        select(MassMessage.id)
        .where(MassMessage.next_at <= now, MassMessage.state.in_(("approved", "sending")))
        .order_by(MassMessage.next_at)
    )
    return [Job(JOB, str(id), f"{JOB}:{id}") for id in await tx.scalars(due.limit(20))]


class MassMessages:
    """Hands mass messages to the outbox. A repeat finds the families decided and does nothing."""

    def __init__(self, db: Database, clock: Callable[[], datetime], means: Means) -> None:
        self._db, self._clock, self._means = db, clock, means

    async def run(self, key: str) -> None:
        """Hand out batches of message `key` until none is due, others need the room, or this job has done its share."""
        for _ in range(A_JOB // BATCH):
            async with self._db.transaction() as tx:
                if not await self._batch(tx, int(key), self._clock()):
                    return

    async def _batch(self, tx: AsyncSession, id: int, now: datetime) -> bool:
        """One batch; False when there is nothing more to do for now."""
        message = await tx.scalar(
            select(MassMessage).where(MassMessage.id == id).with_for_update().execution_options(populate_existing=True)
        )
        if message is None or message.state not in ("approved", "sending") or message.next_at is None or message.next_at > now:
            return False
        if message.state == "approved":
            await begin(tx, message, now=now)
        if int(await tx.scalar(_WAITING_JOBS, {"normal": NORMAL, "busy": BUSY}) or 0) >= BUSY:
            message.next_at = now + WAIT_WHEN_BUSY
            return False
        rows = list(
            await tx.scalars(
                select(MassRecipient)
                .where(
                    MassRecipient.mass_message_id == id,
                    MassRecipient.state == "waiting",
                    or_(MassRecipient.next_at.is_(None), MassRecipient.next_at <= now),
                )
                .order_by(MassRecipient.carer_id)
                .limit(BATCH)
                .with_for_update()
            )
        )
        if not rows:
            await self._nothing_due(tx, message, now)
            return False
        await self._hand_out(tx, message, rows, now)
        return True

    async def _hand_out(self, tx: AsyncSession, message: MassMessage, rows: list[MassRecipient], now: datetime) -> None:
        children_by_carer = await children_of(tx, message.id, [row.carer_id for row in rows])
        ids = sorted({id for of in children_by_carer.values() for id in of})
        found = await tx.execute(select(Patient, Team.name).join(Team, Team.id == Patient.team_id).where(Patient.id.in_(ids)))
        living = {patient.id: (patient, team) for patient, team in found if patient.died_at is None}
        wants: list[Message] = []
        for row in rows:
            children = [living[id] for id in children_by_carer.get(row.carer_id, ()) if id in living]
            if not children:
                _skip(row, "died", now)
                continue
            want = Want(
                about(message.id, row.carer_id),
                row.carer_id,
                "mass",
                children[0][0].id,
                department=children[0][1],
                useful_until=message.useful_until,
            )
            wants.append(Message(want, body(fill(message.text, [child.name for child, _ in children])), "message"))
        decided = await reach_many(tx, wants, now=now, means=self._means)
        for row in rows:
            if row.state == "waiting":
                _note(row, decided[about(message.id, row.carer_id)], now)

    async def _nothing_due(self, tx: AsyncSession, message: MassMessage, now: datetime) -> None:
        waiting = select(func.min(MassRecipient.next_at)).where(
            MassRecipient.mass_message_id == message.id, MassRecipient.state == "waiting"
        )
        later = await tx.scalar(waiting)
        if later is not None:
            message.next_at = later
            return
        await move(tx, message, "done", moves=MASS_MOVES, at=now, by="system", next_at=None, ended_at=now)
        log.info("mass message handed out", message=message.id, families=message.families)


def _note(row: MassRecipient, decision: Decision, now: datetime) -> None:
    if decision.kind in ("send", "repeat"):
        row.state, row.reason, row.next_at, row.decided_at = "sent", None, None, now
    elif decision.kind == "wait" and decision.until is not None:
        row.reason, row.next_at = decision.reason, decision.until
    else:
        _skip(row, row.reason or decision.reason if decision.kind == "expired" else decision.reason, now)


def _skip(row: MassRecipient, reason: str, now: datetime) -> None:
    row.state, row.reason, row.next_at, row.decided_at = "skipped", reason, None, now
