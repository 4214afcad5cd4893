"""A child has died: nothing more is asked of its family, at once and for good."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.carers import carers_of
from plans.enrolment import RUNNING, end_plan
from plans.errand import drop_errands
from records.binding import Invitation
from records.care_plan import CarePlan
from records.chat import Chat
from records.message import Outbound
from records.patient import Carer, Patient, PatientCarer
from records.questionnaire import RESPONSE_MOVES, QuestionnaireResponse
from records.state import StateChange, move

DIED = "died"
# What goes on: a family that is with a person, or is told what to do in danger, is not left alone.
_GOES_ON = ("alert", "handover", "reply")


async def stop_for_death(tx: AsyncSession, patient: Patient, *, by: str, now: datetime) -> None:
    """End the plans and questionnaires of `patient`, drop his errands, withdraw what waits to be sent about him, and let no invitation
    bind anybody more.

    Carers who speak for no other living child get no follow-ups ever again. Doing it twice changes nothing.
    """
    running = select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.state.in_(RUNNING)).order_by(CarePlan.id)
    for plan in (await tx.scalars(running)).all():
        await end_plan(tx, plan, state="ended", by=by, reason=DIED, now=now)
    await drop_errands(tx, [patient.id], by=by, reason=DIED, now=now)
    alone = [carer for _, carer in await carers_of(tx, patient.id, lock=True) if not await _has_living(tx, carer, patient)]
    for carer in alone:
        if carer.stopped_at is None:
            carer.stopped_at = now
            tx.add(StateChange(entity="carer", entity_id=carer.id, old="following", new="stopped", at=now, by=by, reason=DIED))
    await hush(tx, patient, [carer.id for carer in alone], by=by, reason=DIED, now=now)


async def hush(tx: AsyncSession, patient: Patient, alone: Collection[int], *, by: str, reason: str, now: datetime) -> None:
    """Stop the questionnaires of `patient`, withdraw what waits to be sent about him, and let no invitation bind anybody more; `alone` are
    the carers who speak for nobody else."""
    asked = select(QuestionnaireResponse).where(
        QuestionnaireResponse.patient_id == patient.id, QuestionnaireResponse.state.in_(("assigned", "in_progress"))
    )
    for response in (await tx.scalars(asked)).all():
        await move(tx, response, "stopped", moves=RESPONSE_MOVES, at=now, by=by, reason=reason)
    about = select(Chat.id).where((Chat.patient_id == patient.id) | Chat.carer_id.in_(alone))
    await tx.execute(
        update(Outbound)
        .where(Outbound.chat_id.in_(about), Outbound.state == "queued", Outbound.purpose.not_in(_GOES_ON))
        .values(state="withdrawn", error=reason)
        .execution_options(synchronize_session=False)
    )
    await tx.execute(
        update(Invitation)
        .where(Invitation.patient_id == patient.id, Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(expires_at=now)
        .execution_options(synchronize_session=False)
    )


async def _has_living(tx: AsyncSession, carer: Carer, dead: Patient) -> bool:
    others = (
        select(func.count())
        .select_from(PatientCarer)
        .join(Patient, Patient.id == PatientCarer.patient_id)
        .where(PatientCarer.carer_id == carer.id, Patient.id != dead.id, Patient.died_at.is_(None))
    )
    return bool(await tx.scalar(others))
