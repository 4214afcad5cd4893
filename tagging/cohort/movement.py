"""How large kept cohorts are, and who came and went: for lists and charts, within the asker's reach."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Date, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.cohort import CohortEvent, CohortMember
from records.patient_index import PatientIndex
from tagging.cohort.scope import Scope
from tagging.cohort.sql import Compiled


@dataclass(frozen=True)
class Day:
    """How many joined and left a cohort on one day of the hospital's calendar."""

    day: date
    joined: int
    left: int


async def sizes(tx: AsyncSession, cohorts: Sequence[int], scope: Scope) -> dict[int, int]:
    """How many members of each cohort are within the asker's reach."""
    found = (
        select(CohortMember.cohort_id, func.count())
        .join(PatientIndex, PatientIndex.patient_id == CohortMember.patient_id)
        .where(CohortMember.cohort_id.in_(cohorts), CohortMember.inactive.is_(False), Compiled(scope).in_reach())
        .group_by(CohortMember.cohort_id)
    )
    return dict((await tx.execute(found)).all())


async def movement(tx: AsyncSession, cohorts: Sequence[int], scope: Scope, since: datetime) -> dict[int, tuple[int, int]]:
    """How many joined and how many left each cohort since then; not counted is whom its saving brought or took."""
    found = (
        select(CohortEvent.cohort_id, CohortEvent.kind, func.count())
        .join(PatientIndex, PatientIndex.patient_id == CohortEvent.patient_id)
        .where(
            CohortEvent.cohort_id.in_(cohorts),
            CohortEvent.at >= since,
            CohortEvent.why != "saved",
            Compiled(scope).in_reach(),
        )
        .group_by(CohortEvent.cohort_id, CohortEvent.kind)
    )
    counted = Counter({(cohort, kind): number for cohort, kind, number in (await tx.execute(found))})
    return {cohort: (counted[cohort, "joined"], counted[cohort, "left"]) for cohort in cohorts}


async def days(tx: AsyncSession, cohort: int, scope: Scope, since: datetime) -> list[Day]:
    """Who joined and left day by day since then, the saving of a version too; days without either are left out."""
    day = cast(func.timezone(str(scope.zone), CohortEvent.at), Date)
    found = (
        select(
            day, func.count().filter(CohortEvent.kind == "joined"), func.count().filter(CohortEvent.kind == "left")
        )
        .join(PatientIndex, PatientIndex.patient_id == CohortEvent.patient_id)
        .where(CohortEvent.cohort_id == cohort, CohortEvent.at >= since, Compiled(scope).in_reach())
        .group_by(day)
        .order_by(day)
    )  # fmt: skip
    return [Day(*row) for row in (await tx.execute(found))]
