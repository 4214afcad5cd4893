"""What is known of one patient, as a query sees it, and how it is read for many at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient_index import PatientIndex, PatientValue
from records.tag import CARRIED, PatientTag, TagEvidence
from tagging.cohort.measure import measure_of
from tagging.cohort.query import Query, TagTerm, TrendTerm, ValueTerm, terms
from tagging.cohort.scope import Scope

# An explanation shows a few; what decides is the newest of each kind, and no patient's tag has been seen with more than some dozens.
MOST_EVIDENCE = 500


@dataclass(frozen=True)
class Readings:
    """Readings of one measure in one unit, with their days, oldest first, as in PatientValue."""

    unit: str | None
    days: tuple[date, ...]
    value: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """One reason for a tag that is carried."""

    tag_id: int
    source: str
    ref_kind: str | None
    because: str
    at: datetime

    def comes_from(self, sources: Iterable[str]) -> bool:
        """Whether it is of one of these sources; a laboratory result is `lab` besides what brought it."""
        return self.source in sources or (self.ref_kind == "lab_result" and "lab" in sources)


@dataclass(frozen=True)
class Facts:
    """One patient. The columns are those of PatientIndex; `values` are by the code of the measure."""

    patient_id: int
    team_id: int
    sex: str | None
    birth_date: date
    tags: frozenset[int] = frozenset()
    department: str | None = None
    visited_on: date | None = None
    discharged_on: date | None = None
    answered_on: date | None = None
    plans: tuple[str, ...] = ()
    values: Mapping[str, Readings] | None = None
    evidence: tuple[Evidence, ...] = ()

    def readings(self, measure: str) -> Readings | None:
        """The readings of a measure, None where there are none."""
        return (self.values or {}).get(measure_of(measure).code)


@dataclass(frozen=True)
class Needs:
    """What some queries want to know beside the row itself."""

    measures: frozenset[str]
    evidence_of: frozenset[int]


def needs_of(queries: Iterable[Query], scope: Scope, *, all_evidence: bool = False) -> Needs:
    """The measures and the tags whose evidence these queries ask for (or, with `all_evidence`, name)."""
    measures, tags = set[str](), set[int]()
    for query in queries:
        for term in terms(query):
            if isinstance(term, ValueTerm | TrendTerm):
                measures.add(measure_of(term.measure).code)
            elif isinstance(term, TagTerm) and (all_evidence or term.sources or term.within is not None):
                tags.update(id for tag in term.tags for id in scope.counted(tag))
    return Needs(frozenset(measures), frozenset(tags))


async def facts_of(tx: AsyncSession, patient_ids: Sequence[int], needs: Needs) -> list[Facts]:
    """The facts of these patients, by id; those without a row are left out. One to three statements, however many patients."""
    # Columns, not mapped rows: these tables change below the session, which would remember how they were.
    index, value = PatientIndex.__table__.c, PatientValue.__table__.c
    rows = (await tx.execute(select(*index).where(index.patient_id.in_(patient_ids)).order_by(index.patient_id))).all()
    values, evidence = defaultdict[int, dict[str, Readings]](dict), defaultdict[int, list[Evidence]](list)
    if needs.measures:
        wanted = select(*value).where(value.patient_id.in_(patient_ids), value.code.in_(sorted(needs.measures)))
        for row in await tx.execute(wanted):
            values[row.patient_id][row.code] = Readings(row.unit, tuple(row.days), tuple(row.value))
    if needs.evidence_of:
        for patient_id, one in await _evidence(tx, patient_ids, sorted(needs.evidence_of)):
            evidence[patient_id].append(one)
    return [
        Facts(
            row.patient_id, row.team_id, row.sex, row.birth_date, frozenset(row.tags), row.department, row.visited_on, row.discharged_on,
            row.answered_on, tuple(row.plans), values[row.patient_id], tuple(evidence[row.patient_id]),
        )
        for row in rows
    ]  # fmt: skip


async def _evidence(tx: AsyncSession, patient_ids: Sequence[int], tags: Sequence[int]) -> list[tuple[int, Evidence]]:
    chosen = (
        select(
            PatientTag.patient_id,
            PatientTag.tag_id,
            TagEvidence.source,
            TagEvidence.ref_kind,
            TagEvidence.because,
            TagEvidence.at,
        )
        .join(TagEvidence, TagEvidence.patient_tag_id == PatientTag.id)
        .where(
            PatientTag.patient_id.in_(patient_ids),
            PatientTag.tag_id.in_(tags),
            PatientTag.until.is_(None),
            PatientTag.state.in_(CARRIED),
            TagEvidence.against.is_(False),
        )
        .order_by(TagEvidence.at.desc(), TagEvidence.id.desc())
        .limit(MOST_EVIDENCE * len(patient_ids))
    )
    return [(row[0], Evidence(*row[1:])) for row in await tx.execute(chosen)]
