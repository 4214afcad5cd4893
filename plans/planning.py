"""Follow-ups are made on a rolling horizon: planned on when their time comes nearer, and planned anew when the plan has changed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ARRAY, BigInteger, Date, DateTime, Integer, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.experiment.choose import Wanted, choose_hours
from plans.guard import QUIET
from plans.personal import changes_of, plan_templates
from plans.schedule import Due
from plans.timeline import HORIZON, REFILL, USUAL_HOUR, planned_up_to, timeline
from records.care_plan import CarePlan
from records.patient import Carer, Patient, PatientCarer

log = structlog.get_logger(__name__)

# So many plans in a transaction: some thousands of rows, written within a second.
AT_ONCE = 300
BY = "system"

_ANY = text(
    "select exists (select from care_plan where state = 'active' and planned_until < :soon)"
    " or exists (select from care_plan where state = 'active' and planned_until is null)"
)
# Twice is harmless: a follow-up that stands is not made again.
_MAKE = text(
    """
    with made as (
        insert into task (care_plan_id, patient_id, step, day, slot, due_at, useful_until, state, answers)
        select plan, patient, step, day, slot, due_at, useful_until, 'scheduled', '{}' from unnest(
            cast(:plans as bigint[]), cast(:patients as bigint[]), cast(:steps as text[]), cast(:days as date[]), cast(:slots as int[]),
            cast(:dues as timestamptz[]), cast(:untils as timestamptz[])) as due(plan, patient, step, day, slot, due_at, useful_until)
        on conflict (care_plan_id, step, day, slot) where state <> 'withdrawn' do nothing
        returning id
    )
    insert into state_change (entity, entity_id, old, new, at, by, reason, detail)
    select 'task', id, null, 'scheduled', :now, :by, :reason, '{}' from made
    """
).bindparams(
    bindparam("plans", type_=ARRAY(BigInteger)),
    bindparam("patients", type_=ARRAY(BigInteger)),
    bindparam("steps", type_=ARRAY(Text)),
    bindparam("days", type_=ARRAY(Date)),
    bindparam("slots", type_=ARRAY(Integer)),
    bindparam("dues", type_=ARRAY(DateTime(timezone=True))),
    bindparam("untils", type_=ARRAY(DateTime(timezone=True))),
)


@dataclass(frozen=True)
class Planned:
    """What one round did: how many plans were looked at, and how many follow-ups were made."""

    plans: int = 0
    tasks: int = 0

    def plus(self, other: "Planned") -> "Planned":
        """Both together."""
        return Planned(self.plans + other.plans, self.tasks + other.tasks)


async def plan_on(tx: AsyncSession, *, now: datetime, zone: ZoneInfo, rng: Random | None = None, limit: int = AT_ONCE) -> Planned:
    """Plan on those active plans whose follow-ups run out, up to `limit` of them; as much again may be waiting when it is reached.

    Rows that somebody else has locked are passed over. An idle look is one probe of an index.
    """
    soon = local_day(now, zone) + REFILL
    if not await tx.scalar(_ANY, {"soon": soon}):
        return Planned()
    plans: list[CarePlan] = []
    # Two looks, each by the index: those never planned, and those that run out.
    for runs_out in (CarePlan.planned_until.is_(None), CarePlan.planned_until < soon):
        if limit > len(plans):
            query = (
                select(CarePlan)
                .join(Patient, Patient.id == CarePlan.patient_id)
                .where(CarePlan.state == "active", runs_out, Patient.died_at.is_(None))
                .order_by(CarePlan.planned_until, CarePlan.id)
                .limit(limit - len(plans))
                .with_for_update(of=CarePlan, skip_locked=True)
                .execution_options(populate_existing=True)
            )
            plans += (await tx.scalars(query)).all()
    return Planned(len(plans), await plan_these(tx, plans, now=now, zone=zone, rng=rng, reason="planned_on"))


async def plan_these(
    tx: AsyncSession,
    plans: Sequence[CarePlan],
    *,
    now: datetime,
    zone: ZoneInfo,
    rng: Random | None = None,
    by: str = BY,
    reason: str | None = None,
    only_after: datetime | None = None,
) -> int:
    """Make the follow-ups of these active plans up to the horizon, from where they are planned to, but none of days gone by; how many.

    `only_after` leaves out those that were due before it. One whose template is gone is put off to tomorrow and logged.
    """
    if not plans:
        return 0
    today = local_day(now, zone)
    templates, changes = await plan_templates(tx, plans), await changes_of(tx, plans)
    hours = await hours_of(tx, plans, now=now, zone=zone, rng=rng)
    made: list[tuple[CarePlan, Due]] = []
    for plan in plans:
        template, own = templates.get(plan.id), changes.get(plan.id, ())
        if template is None:
            log.error("a plan's template is gone", plan=plan.id, template=plan.template, version=plan.template_version)
            plan.planned_until = today + REFILL
            continue
        start = today if plan.planned_until is None else max(today, plan.planned_until + timedelta(days=1))
        end = max(start, today + HORIZON)
        dues = timeline(plan, template, own, hour=hours[plan.id], zone=zone, start=start, end=end)
        made += [(plan, due) for due in dues if due.useful_until > now and (only_after is None or due.due_at >= only_after)]
        plan.planned_until = planned_up_to(plan, template, own, end)
    await tx.flush()
    return await make(tx, made, now=now, by=by, reason=reason)


async def make(tx: AsyncSession, dues: Sequence[tuple[CarePlan, Due]], *, now: datetime, by: str, reason: str | None) -> int:
    """Make these follow-ups, those that stand left as they are; how many are new. One statement."""
    if not dues:
        return 0
    columns = {
        "plans": [plan.id for plan, _ in dues],
        "patients": [plan.patient_id for plan, _ in dues],
        "steps": [due.step for _, due in dues],
        "days": [due.day for _, due in dues],
        "slots": [due.slot for _, due in dues],
        "dues": [due.due_at for _, due in dues],
        "untils": [due.useful_until for _, due in dues],
    }
    done = await tx.execute(_MAKE, {**columns, "now": now, "by": by, "reason": reason})
    return int(done.rowcount)  # type: ignore[attr-defined]


async def hours_of(
    tx: AsyncSession, plans: Sequence[CarePlan], *, now: datetime, zone: ZoneInfo, rng: Random | None = None
) -> dict[int, int]:
    """The hour of the hospital's day at which each plan asks where a step names none: the plan's own, else the family's (or what is
    chosen for it, plans/experiment/choose.py), else the usual one. Never one of the quiet hours."""
    open_ = [plan for plan in plans if plan.hour is None]
    families = await _primary_carers(tx, sorted({plan.patient_id for plan in open_}))
    today = local_day(now, zone)
    wanted = [
        (Wanted(carer.id, plan.id, plan.patient_id, team, plan.template, today, default=str(USUAL_HOUR)), carer)
        for plan in open_
        if plan.patient_id in families
        for carer, team in [families[plan.patient_id]]
    ]
    chosen: Mapping[int, int] = defaultdict(lambda: USUAL_HOUR)
    if wanted:
        # Repeatable by who is asked and when, where the caller brings no chance of his own.
        chance = rng or Random(f"{today}:{wanted[0][0].care_plan_id}")  # noqa: S311
        chosen = await choose_hours(tx, wanted, now=now, rng=chance)
    hours = {plan.id: plan.hour if plan.hour is not None else chosen.get(plan.id, USUAL_HOUR) for plan in plans}
    return {id: min(max(hour, QUIET.end.hour), QUIET.start.hour - 1) for id, hour in hours.items()}


async def _primary_carers(tx: AsyncSession, patients: Sequence[int]) -> dict[int, tuple[Carer, int]]:
    """The primary carer of each of these patients, with the patient's team."""
    if not patients:
        return {}
    rows = await tx.execute(
        select(PatientCarer.patient_id, Carer, Patient.team_id)
        .join(Carer, Carer.id == PatientCarer.carer_id)
        .join(Patient, Patient.id == PatientCarer.patient_id)
        .where(PatientCarer.patient_id.in_(patients))
        .order_by(PatientCarer.patient_id, PatientCarer.primary.desc(), Carer.id)
    )
    found: dict[int, tuple[Carer, int]] = {}
    for patient, carer, team in rows:
        found.setdefault(patient, (carer, team))
    return found


def horizon(now: datetime, zone: ZoneInfo) -> date:
    """The last day that planning looks at."""
    return local_day(now, zone) + HORIZON
