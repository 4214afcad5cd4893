"""A family stops the messages that it did not ask for, and takes them up again. Its plans stay; its own messages are always heard."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.wording import say
from records.care_plan import Task
from records.patient import Carer, PatientCarer
from records.state import StateChange


async def stop(tx: AsyncSession, carer: Carer, now: datetime, *, by: str = "family") -> str:
    """Send no follow-ups to this carer any more; what the family is told. Stopping twice keeps the first moment."""
    if carer.stopped_at is None:
        carer.stopped_at = now
        tx.add(StateChange(entity="carer", entity_id=carer.id, old="following", new="stopped", at=now, by=by))
    return say("consent.stopped")


async def resume(tx: AsyncSession, carer: Carer, now: datetime, *, by: str = "family") -> str:
    """Send follow-ups again, from those of today on; what the family is told."""
    carer.paused_until = None
    if carer.stopped_at is not None:
        carer.stopped_at = None
        tx.add(StateChange(entity="carer", entity_id=carer.id, old="stopped", new="following", at=now, by=by))
        # What was put off till the end of the day because of the stop is looked at again at once.
        mine = select(PatientCarer.patient_id).where(PatientCarer.carer_id == carer.id)
        held = update(Task).where(Task.patient_id.in_(mine), Task.state == "scheduled", Task.next_at.is_not(None)).values(next_at=None)
        await tx.execute(held.execution_options(synchronize_session="fetch"))
    return say("consent.resumed")
