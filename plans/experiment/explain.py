"""Why a family's follow-ups come when they come and begin as they begin, in a clinician's words."""

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.tally import Tally
from plans.experiment.words import say
from records.care_plan import CarePlan
from records.experiment import Experiment, SendChoice


async def explain_choices(tx: AsyncSession, patient_id: int, *, zone: ZoneInfo, limit: int) -> list[str]:
    """The latest choices for a patient's plans, each with all that it came from. The caller has come through the patient's door."""
    query = (
        select(SendChoice, Experiment.code)
        .join(CarePlan, CarePlan.id == SendChoice.care_plan_id)
        .outerjoin(Experiment, Experiment.id == SendChoice.experiment_id)
        .where(CarePlan.patient_id == patient_id)
        .order_by(SendChoice.id.desc())
        .limit(limit)
    )
    lines = [line for row, code in (await tx.execute(query)).all() for line in _lines(row, code, zone)]
    return lines or [say("explain.none")]


def _lines(row: SendChoice, code: str | None, zone: ZoneInfo) -> list[str]:
    at, why = f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}", say(f"why.{row.why}", code=code)
    lines = [say("explain.head", at=at, kind=say(f"kinds.{row.kind}"), chosen=row.chosen, default=row.default, why=why)]
    if row.options:
        lines.append(say("explain.segment", segment=row.segment, seed=row.seed))
    for each in row.options:
        a, b = Tally(each["families"], each["answered"]).beta
        lines.append(say("explain.option", **each, a=a, b=b))
    return lines
