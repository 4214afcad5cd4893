"""What the models foretell, and how the records tell afterwards whether it came true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tagging.prediction.features import Moment


@dataclass(frozen=True)
class Sample:
    """A patient at a moment, and whether the outcome followed."""

    moment: Moment
    happened: bool


@dataclass(frozen=True)
class Outcome:
    """Something that may happen within `horizon`. `label` is its name for clinicians."""

    name: str
    label: str
    horizon: timedelta

    def tag(self, level: str) -> str:
        """The tag of a level; of the three a patient carries one."""
        return f"{self.name}.{level}"


NON_RESPONSE = Outcome("non_response", "下次随访无应答", timedelta(days=14))
DETERIORATION = Outcome("deterioration", "14天内病情变化或非计划再入院", timedelta(days=14))
OUTCOMES = {outcome.name: outcome for outcome in (NON_RESPONSE, DETERIORATION)}

# Follow-ups that reached the family and ended in an answer or in silence.
_FOLLOW_UPS = text(
    """
    select patient_id, sent_at as at, state = 'missed' as happened from task
    where state in ('done', 'partial', 'missed') and sent_at > :since and closed_at <= :now
    order by sent_at desc, id desc limit :limit
    """
)
# An urgent alert was raised within 14 days, or a visit began that nobody had booked. (R: an alert stands for a deterioration that a
# clinician had to see at once; the hospital may count otherwise.) `whose` is any row with patient_id and at.
_DETERIORATED = """
    exists (
        select from flag where flag.patient_id = whose.patient_id and level in ('urgent', 'emergency')
            and raised_at >= whose.at and raised_at < whose.at + interval '14 days'
    ) or exists (
        select from encounter e
        where e.patient_id = whose.patient_id and e.state <> 'cancelled' and e.kind in ('emergency', 'inpatient')
            and e.started_at >= whose.at and e.started_at < whose.at + interval '14 days'
            and not exists (
                select from appointment a where a.patient_id = e.patient_id and a.status <> 'cancelled'
                    and a.starts_at between e.started_at - interval '1 day' and e.started_at + interval '1 day'
            )
    )
"""
# A patient on a plan, once a week.
_WEEKS = text(
    f"""
    select patient_id, at, {_DETERIORATED} as happened
    from (
        select patient_id, generate_series(greatest(min(created_at), :since), :now - interval '14 days', interval '7 days') as at
        from care_plan group by patient_id
    ) whose
    order by at desc, patient_id limit :limit
    """  # noqa: S608
)
# What became of assessments whose horizon has passed: of the first follow-up that was sent after one, and of the 14 days.
_SETTLE_FOLLOW_UPS = text(
    """
    update risk_assessment set happened = first.state = 'missed'
    from (
        select distinct on (whose.id) whose.id, task.state from risk_assessment whose
        join task on task.patient_id = whose.patient_id and task.sent_at >= whose.at and task.sent_at < whose.at + interval '14 days'
            and task.state in ('done', 'partial', 'missed') and task.closed_at <= :now
        where whose.predictor_id = :predictor and whose.happened is null
        order by whose.id, task.sent_at
    ) first
    where risk_assessment.id = first.id
    """
)
_SETTLE_WEEKS = text(
    f"""
    update risk_assessment whose set happened = {_DETERIORATED}
    where predictor_id = :predictor and happened is null and at < :now - interval '14 days'
    """  # noqa: S608
)
_SAMPLES = {NON_RESPONSE.name: _FOLLOW_UPS, DETERIORATION.name: _WEEKS}
_SETTLE = {NON_RESPONSE.name: _SETTLE_FOLLOW_UPS, DETERIORATION.name: _SETTLE_WEEKS}


async def read_samples(tx: AsyncSession, outcome: Outcome, *, since: datetime, now: datetime, limit: int = 50_000) -> list[Sample]:
    """Moments whose outcome is known by `now`, the earliest first; of very many the latest `limit`."""
    rows = await tx.execute(_SAMPLES[outcome.name], {"since": since, "now": now, "limit": limit})
    return [Sample(Moment(row.patient_id, row.at), bool(row.happened)) for row in rows][::-1]


async def settle(tx: AsyncSession, outcome: Outcome, predictor_id: int, now: datetime) -> int:
    """Fill in what became of a model's assessments whose horizon has passed; how many."""
    done = await tx.execute(_SETTLE[outcome.name], {"predictor": predictor_id, "now": now})
    return int(done.rowcount)  # type: ignore[attr-defined]


_FOLLOWED = text(
    "select distinct patient_id from care_plan where state = 'active' and patient_id > :after order by patient_id limit :limit"
)


async def followed(tx: AsyncSession, *, after: int, limit: int) -> Sequence[int]:
    """The patients on an active plan, by id, behind `after`."""
    return list(await tx.scalars(_FOLLOWED, {"after": after, "limit": limit}))
