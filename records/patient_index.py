"""What cohorts ask of a patient, kept ready: one narrow row each, the latest readings of every measure, and the news that changes them.

Both tables are computed from the record and may be computed again at any time. Triggers write the news in the transaction of whoever
changes a fact, so that no writer has to know of cohorts; tags tell theirs through TagChange.
"""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Date, Float, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

# So many readings of one measure are kept: two a day for a month.
READINGS = 60
# The last day on which something happened with a patient; for those with whom nothing has, one before all others.
LATELY = "coalesce(greatest(visited_on, discharged_on, answered_on), date '0001-01-01')"


class PatientIndex(Base):
    """One patient as cohorts see him. Days are the hospital's: of the latest discharge, visit (its beginning) and answered follow-up.

    `department` is that of the latest stay or visit, `tags` are the ids of the tags he carries, in order, `plans` one `template:state`
    for each template he has been on, by its latest enrolment (a paused one counts as active), and each such `:state` once. What every
    query compares stands first, and has a fixed width: that halves the time of a scan.
    """

    __tablename__ = "patient_index"

    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id", ondelete="cascade"), primary_key=True, autoincrement=False)
    team_id: Mapped[int] = mapped_column(Integer)
    birth_date: Mapped[date]
    visited_on: Mapped[date | None]
    discharged_on: Mapped[date | None]
    answered_on: Mapped[date | None]
    sex: Mapped[str | None]
    department: Mapped[str | None]
    tags: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    plans: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (
        Index("ix_patient_index_tags", "tags", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_patient_index_team_id", "team_id", "patient_id"),
        Index("ix_patient_index_birth_date", "birth_date"),
        Index("ix_patient_index_lately", "team_id", text(f"({LATELY}) desc"), text("patient_id desc")),
    )


class PatientValue(Base):
    """The latest readings of one measure in the unit of the newest, with their days, oldest first.

    `code` is a vital's id, or `lab:` and the item's id in the table of laboratory items (else its name, as reported).
    """

    __tablename__ = "patient_value"

    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id", ondelete="cascade"), primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    unit: Mapped[str | None]
    days: Mapped[list[date]] = mapped_column(ARRAY(Date))
    value: Mapped[list[float]] = mapped_column(ARRAY(Float))

    __table_args__ = (Index("ix_patient_value_code", "code", "patient_id"),)


class PatientNews(Identity, Base):
    """A fact about a patient has changed: `patient`, `encounter`, `plan`, `answer`, `value`, `lab` or `evidence:<tag>`, `tag:<tag>`.

    Written by triggers, deleted by whoever takes it in. A repeat is harmless.
    """

    __tablename__ = "patient_news"

    patient_id: Mapped[int] = mapped_column(BigInteger)
    fact: Mapped[str]


# A stay's end is the discharge; who is only expected has not visited, and what lies ahead has not happened.
_INDEX = """
insert into patient_index as known
    (patient_id, team_id, birth_date, visited_on, discharged_on, answered_on, sex, department, tags, plans)
select p.id, p.team_id, p.birth_date, cast(timezone(:zone, visit.started_at) as date),
    cast(timezone(:zone, (select max(e.ended_at) from encounter e
        where e.patient_id = p.id and e.kind = 'inpatient' and e.state <> 'cancelled' and e.ended_at <= :now)) as date),
    cast(timezone(:zone, greatest(
        (select max(t.closed_at) from task t where t.patient_id = p.id and t.state in ('done', 'partial')),
        (select max(q.completed_at) from questionnaire_response q where q.patient_id = p.id))) as date),
    p.sex, visit.department,
    coalesce((select array_agg(distinct pt.tag_id::int) from patient_tag pt
        where pt.patient_id = p.id and pt.until is null and pt.state in ('active', 'contested')), '{}'),
    coalesce((select array_agg(distinct entry order by entry) from (
        select distinct on (c.template) c.template, case c.state when 'paused' then 'active' else c.state end as state from care_plan c
        where c.patient_id = p.id order by c.template, c.id desc) latest,
        unnest(array[template || ':' || state, ':' || state]) as entry), '{}')
from patient p
left join lateral (
    select e.department, e.started_at from encounter e
    where e.patient_id = p.id and e.kind <> 'preadmit' and e.state not in ('planned', 'cancelled') and e.started_at <= :now
    order by e.started_at desc, e.id desc limit 1) visit on true
where p.id = any(cast(:patients as bigint[]))
order by p.id
on conflict (patient_id) do update set team_id = excluded.team_id, birth_date = excluded.birth_date, visited_on = excluded.visited_on,
    discharged_on = excluded.discharged_on, answered_on = excluded.answered_on, sex = excluded.sex, department = excluded.department,
    tags = excluded.tags, plans = excluded.plans
where (known.team_id, known.birth_date, known.visited_on, known.discharged_on, known.answered_on, known.sex, known.department,
        known.tags, known.plans)
    is distinct from (excluded.team_id, excluded.birth_date, excluded.visited_on, excluded.discharged_on, excluded.answered_on,
        excluded.sex, excluded.department, excluded.tags, excluded.plans)
"""


async def refresh_index(tx: AsyncSession, patients: Sequence[int], *, now: datetime, zone: ZoneInfo) -> None:
    """Compute these patients' rows anew from the record; days are those of `zone`."""
    if patients:
        await tx.execute(text(_INDEX), {"patients": sorted(set(patients)), "now": now, "zone": str(zone)})
