"""Putting a whole cohort on a plan in the background: batch by batch, each in a transaction of its own, from where the last one ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.definition import template_at
from plans.enrol_many import enrol_many
from plans.schedule import Anchors
from plans.template import PlanTemplate
from plans.timeline import anchors_json, dates_of
from records.cohort import Cohort
from records.cohort_enrolment import ENROLMENT_MOVES, CohortEnrolment
from records.role import rights_of
from records.staff import Staff
from records.state import created, move
from tagging.cohort.builder import build, read
from tagging.cohort.preview import Page, listed
from tagging.cohort.query import Query
from tagging.cohort.saved import members
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.words import CohortError

# A second's work: other orders, and the plans of others, wait no longer.
BATCH = 100
# So many refusals are named with their sentences; all are counted.
NAMED = 200
RIGHT = "plan.enrol"


async def begin(
    tx: AsyncSession,
    staff: Staff,
    template: PlanTemplate,
    query: Query,
    cohort: Cohort | None,
    *,
    scope: Scope,
    people: int,
    given: Anchors,
    hour: int | None,
    whoever: bool,
    now: datetime,
) -> CohortEnrolment:
    """Order it: the patients of `scope` whom the cohort (else the query) finds. `people` is how many there are, for the progress."""
    row = CohortEnrolment(
        template=template.id,
        version=template.version,
        staff_id=staff.id,
        cohort_id=cohort.id if cohort is not None else None,
        definition=build(query),
        team_ids=sorted(scope.teams or ()),
        anchors=anchors_json(given),
        hour=hour,
        whoever=whoever,
        state="running",
        people=people,
        at=now,
    )
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by=staff.userid)
    return row


async def running(tx: AsyncSession) -> Sequence[int]:
    """The orders that are not done, the oldest first."""
    return (await tx.scalars(select(CohortEnrolment.id).where(CohortEnrolment.state == "running").order_by(CohortEnrolment.id))).all()


async def go_on(tx: AsyncSession, id: int, *, now: datetime, zone: ZoneInfo, rng: Random | None = None) -> bool:
    """The next batch of an order; False when nothing is left to do. What counts is what may be done now by who ordered it."""
    chosen = select(CohortEnrolment).where(CohortEnrolment.id == id, CohortEnrolment.state == "running")
    row = await tx.scalar(chosen.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    if row is None:
        return False
    staff = await tx.get_one(Staff, row.staff_id)
    scope = await scope_of_staff(tx, staff, now=now, zone=zone)
    rights = await rights_of(tx, staff)
    scope = replace(scope, teams=frozenset(rights.teams_with(RIGHT, (scope.teams or frozenset()) & set(row.team_ids))))
    if not scope.teams:
        await move(tx, row, "stopped", moves=ENROLMENT_MOVES, at=now, by=staff.userid, reason="no_right", ended_at=now)
        return False
    page = Page(staff, now, after=row.after, limit=BATCH)
    try:
        if row.cohort_id is not None:
            found = await members(tx, await tx.get_one(Cohort, row.cohort_id), scope, page)
        else:
            found = await listed(tx, scope.known(read(row.definition)), scope, page)
    except CohortError as err:
        row.named = [*row.named, [0, "", str(err)]]
        await move(tx, row, "stopped", moves=ENROLMENT_MOVES, at=now, by=staff.userid, reason=err.code, ended_at=now)
        return False
    if not found:
        await move(tx, row, "done", moves=ENROLMENT_MOVES, at=now, by=staff.userid, ended_at=now)
        return False
    template = await template_at(tx, row.template, row.version)
    done = await enrol_many(
        tx, [each.patient_id for each in found], template, by=staff.userid, now=now, zone=zone, given=dates_of(row.anchors), hour=row.hour,
        whoever=row.whoever, rng=rng,
    )  # fmt: skip
    row.after, row.enrolled, row.tasks = found[-1].patient_id, row.enrolled + len(done.plans), row.tasks + done.tasks
    row.refused = dict(Counter(row.refused) + Counter(each.code for each in done.refused))
    row.named = [*row.named, *([each.patient_id, each.name, each.text] for each in done.refused)][:NAMED]
    return True


async def stop(tx: AsyncSession, row: CohortEnrolment, *, by: str, now: datetime) -> bool:
    """Go no further; who is on the plan already stays on it. False when it had ended already."""
    return row.state == "running" and await move(tx, row, "stopped", moves=ENROLMENT_MOVES, at=now, by=by, ended_at=now)
