"""The dry run for people who are on file: all plans of all children of each family, and a plan that they are not on yet."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from plans.anchor import known_anchors
from plans.clock import local_day
from plans.condition import sentences_hold
from plans.dry_run import Contact, Wanted, collisions, dry_run, wanted_of
from plans.enrolment import EnrolmentError, check_can_enrol
from plans.personal import changes_of, plan_templates
from plans.planning import hours_of
from plans.planning_words import say
from plans.reach.policy import load_policy
from plans.schedule import Anchors, Due, schedule
from plans.template import PlanTemplate, anchor_kinds
from plans.timeline import USUAL_HOUR, anchors_json, timeline
from records.care_plan import CarePlan
from records.patient import Carer, Patient, PatientCarer

# So many cases are named in a summary, the worst first.
NAMED = 20


@dataclass(frozen=True)
class Family:
    """One carer with the children he speaks for, and what would be sent about them. `carer_id` None: nobody is registered."""

    carer_id: int | None
    name: str
    children: tuple[str, ...]
    contacts: list[Contact]


@dataclass
class Summary:
    """What a cohort's families would get. `by_day` counts messages that go out, `why` what holds the others, `collisions` family-days on
    which more than one thing falls together (`bundled` of them within one conversation), `fullest` the families with most on one day."""

    patients: int = 0
    families: int = 0
    followups: int = 0
    messages: int = 0
    by_day: Counter[date] = field(default_factory=Counter)
    by_hour: Counter[int] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    conditions: int = 0
    collisions: int = 0
    bundled: int = 0
    fullest: list[tuple[int, date, str]] = field(default_factory=list)

    def add(self, family: Family, zone: ZoneInfo) -> None:
        """Count one family."""
        self.families += 1
        for contact in family.contacts:
            if contact.sent:
                self.messages += 1
                self.by_day[local_day(contact.at, zone)] += 1
                self.by_hour[contact.at.astimezone(zone).hour] += 1
            else:
                self.why[contact.why] += len(contact.items)
            self.followups += sum(item.kind == "opening" for item in contact.items)
        for day in collisions(family.contacts, zone):
            self.collisions += 1
            self.bundled += day.contacts == 1
            self.fullest.append((day.contacts, day.day, family.name))
        if len(self.fullest) > 10 * NAMED:
            self.fullest = sorted(self.fullest, reverse=True)[:NAMED]


async def contacts_of_template(
    tx: AsyncSession, template: PlanTemplate, days: int, *, today: date, zone: ZoneInfo, given: Anchors | None = None
) -> dict[bool, list[Contact]]:
    """What a family would get that always answers (True), and one that never does, with the dates `given` and such as a patient might
    have for the others."""
    anchors = synthetic_anchors(template, today) | dict(given or {})
    dues = schedule(template, anchors, hour=USUAL_HOUR, zone=zone, start=today, end=today + timedelta(days=days - 1))
    rules = (await load_policy(tx)).hospital
    wanted = wanted_of(template, dues, say("dry_run.child"))
    return {
        answers: dry_run(wanted, start=today, days=days, zone=zone, budget=rules.budget, answers=answers, quiet=rules.quiet.hours())
        for answers in (True, False)
    }


def synthetic_anchors(template: PlanTemplate, today: date) -> dict[str, date | Sequence[date]]:
    """Dates as a patient might have them: born five days ago, the next visit in two weeks, everything else today."""
    days = {"birth": today - timedelta(days=5), "term": today + timedelta(days=30), "next_visit": today + timedelta(days=14)}
    names = (*template.anchors, *template.later)
    return {name: [days.get(name, today)] if anchor_kinds()[name].several else days.get(name, today) for name in names}


async def families_of(
    tx: AsyncSession,
    patient_ids: Sequence[int],
    template: PlanTemplate | None,
    *,
    days: int,
    now: datetime,
    zone: ZoneInfo,
    seen: set[int],
    summary: Summary,
    answers: bool = True,
    given: Anchors | None = None,
) -> list[Family]:
    """What would be sent to the families of these patients in `days` days, siblings and all; `seen` are carers that were looked at before.

    Those who are not on `template` are taken as enrolled now, where they can be; who cannot is counted in `summary`. `given` are dates of
    the plan that count before the record's. Conditions of steps are judged as of today.
    """
    members = set(patient_ids)
    carers, children = await _families(tx, sorted(members))
    fresh = {carer: kids for carer, kids in children.items() if carer not in seen}
    seen.update(fresh)
    people = {child.id: child for kids in fresh.values() for child in kids}
    summary.patients += len(members & people.keys())
    by_patient = await _wanted(tx, people, members, carers, template, given or {}, days=days, now=now, zone=zone, summary=summary)
    policy = await load_policy(tx)
    rules, start = policy.hospital, local_day(now, zone)
    found = []
    for carer_id, kids in fresh.items():
        wanted = [each for kid in kids for each in by_patient.get(kid.id, ())]
        contacts = dry_run(wanted, start=start, days=days, zone=zone, budget=rules.budget, answers=answers, quiet=rules.quiet.hours())
        carer = carers.get(carer_id)
        if carer is None:
            contacts = [Contact(each.at, each.items, False, "no_carer", 0) for each in contacts]
        names = tuple(kid.name for kid in kids)
        found.append(Family(carer.id if carer is not None else None, carer.name if carer is not None else names[0], names, contacts))
    return found


async def _families(tx: AsyncSession, patients: Sequence[int]) -> tuple[dict[int, Carer], dict[int, list[Patient]]]:
    """The primary carers of these patients, and for each all children he is the primary carer of; a patient whom nobody speaks for is a
    family of his own, under his id below zero."""
    first = (
        select(PatientCarer.patient_id, PatientCarer.carer_id)
        .ext(distinct_on(PatientCarer.patient_id))
        .order_by(PatientCarer.patient_id, PatientCarer.primary.desc(), PatientCarer.carer_id)
        .subquery()
    )
    mine = select(first.c.carer_id).where(first.c.patient_id.in_(patients))
    rows = await tx.execute(
        select(first.c.carer_id, Patient)
        .join(Patient, Patient.id == first.c.patient_id)
        .where(first.c.carer_id.in_(mine), Patient.died_at.is_(None))
        .order_by(Patient.id)
    )
    children: dict[int, list[Patient]] = defaultdict(list)
    for carer_id, patient in rows:
        children[carer_id].append(patient)
    carers = {carer.id: carer for carer in await tx.scalars(select(Carer).where(Carer.id.in_(sorted(children))))}
    cared = {kid.id for kids in children.values() for kid in kids}
    alone = select(Patient).where(Patient.id.in_(sorted(set(patients) - cared)), Patient.died_at.is_(None)).order_by(Patient.id)
    for patient in await tx.scalars(alone):
        children[-patient.id].append(patient)
    return carers, dict(children)


async def _wanted(
    tx: AsyncSession,
    people: Mapping[int, Patient],
    members: set[int],
    carers: Mapping[int, Carer],
    template: PlanTemplate | None,
    given: Anchors,
    *,
    days: int,
    now: datetime,
    zone: ZoneInfo,
    summary: Summary,
) -> dict[int, list[Wanted]]:
    running = select(CarePlan).where(CarePlan.patient_id.in_(sorted(people)), CarePlan.state == "active").order_by(CarePlan.id)
    plans = list(await tx.scalars(running))
    templates, changes = await plan_templates(tx, plans), await changes_of(tx, plans)
    hours = await hours_of(tx, plans, now=now, zone=zone)
    start = local_day(now, zone)
    end = start + timedelta(days=days - 1)
    found: list[tuple[int, PlanTemplate, list[Due]]] = []
    for plan in plans:
        if plan.id in templates:
            own = changes.get(plan.id, ())
            dues = timeline(plan, templates[plan.id], own, hour=hours[plan.id], zone=zone, start=start, end=end)
            found.append((plan.patient_id, templates[plan.id], dues))
    if template is not None:
        on_it = {plan.patient_id for plan in plans if plan.template == template.id}
        new = [people[id] for id in sorted((members & people.keys()) - on_it)]
        names = (*template.anchors, *template.later)
        known = await known_anchors(tx, new, names, now=now, zone=zone)
        for patient in new:
            anchors = {**known.get(patient.id, {}), **given}
            try:
                check_can_enrol(patient, template, anchors=anchors, hour=None, now=now, zone=zone)
            except EnrolmentError as err:
                summary.refused[err.code] += 1
                continue
            plan = CarePlan(patient_id=patient.id, template=template.id, anchors=anchors_json(anchors), created_at=now)
            found.append((patient.id, template, timeline(plan, template, (), hour=USUAL_HOUR, zone=zone, start=start, end=end)))
    return await _where_it_holds(tx, found, people, now=now, zone=zone, summary=summary)


async def _where_it_holds(
    tx: AsyncSession,
    found: Sequence[tuple[int, PlanTemplate, list[Due]]],
    people: Mapping[int, Patient],
    *,
    now: datetime,
    zone: ZoneInfo,
    summary: Summary,
) -> dict[int, list[Wanted]]:
    """What is left of the follow-ups where their steps' conditions hold today."""
    asked: dict[str, set[int]] = defaultdict(set)
    for patient_id, template, _ in found:
        for step in template.steps:
            if step.only_if is not None:
                asked[step.only_if].add(patient_id)
    verdicts = await sentences_hold(tx, asked, now, zone)
    by_patient: dict[int, list[Wanted]] = defaultdict(list)
    for patient_id, template, dues in found:
        only_if = {step.id: step.only_if for step in template.steps}
        holds = [due for due in dues if (said := only_if[due.step]) is None or verdicts[said].get(patient_id) is True]
        summary.conditions += len(dues) - len(holds)
        by_patient[patient_id] += wanted_of(template, holds, people[patient_id].name)
    return by_patient
