"""The tags of a patient as a clinician may see them, each with its latest reasons, in two statements of bounded size."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, bindparam, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from records.staff import teams_of
from records.tag import CARRIED, PatientTag, Tag, TagEvidence

TAGS, REASONS = 60, 3


@dataclass(frozen=True)
class Why:
    """One reason for a tag, or against it."""

    because: str
    against: bool
    source: str
    rule: str | None
    rule_version: int | None
    confidence: float
    at: datetime


@dataclass(frozen=True)
class TagView:
    """A tag that the patient carries. `asks` says that new evidence came after a clinician's word; `shared` that other teams see it too."""

    code: str
    name: str
    kind: str
    state: str
    source: str
    author: str
    confidence: float
    since: datetime
    evidence_at: datetime
    expires_at: datetime | None
    decided_by: str | None
    asks: bool
    shared: bool
    why: tuple[Why, ...]


_ids = select(func.unnest(bindparam("ids", type_=ARRAY(BigInteger))).label("id")).subquery("ids")
_reasons = (
    select(
        TagEvidence.because, TagEvidence.against, TagEvidence.source, TagEvidence.rule, TagEvidence.rule_version, TagEvidence.confidence,
        TagEvidence.at,
    )
    .where(TagEvidence.patient_tag_id == _ids.c.id)
    .order_by(TagEvidence.at.desc(), TagEvidence.id.desc())
    .limit(REASONS)
    .lateral("reasons")
)  # fmt: skip
_REASONS = select(_ids.c.id, _reasons).select_from(_ids).join(_reasons, true())


async def carried(tx: AsyncSession, patient_id: int, staff_id: int | None) -> tuple[TagView, ...]:
    """The tags carried now that are shared or belong to a team of `staff_id`; for None (the command line) those of every team."""
    query = (
        select(PatientTag, Tag)
        .join(Tag, Tag.id == PatientTag.tag_id)
        .where(PatientTag.patient_id == patient_id, PatientTag.until.is_(None), PatientTag.state.in_(CARRIED))
    )
    if staff_id is not None:
        mine = teams_of(staff_id)
        query = query.where(or_(Tag.shared, Tag.team_id.in_(mine)))
    rows = (await tx.execute(query.order_by(Tag.kind, PatientTag.since.desc(), Tag.code).limit(TAGS))).all()
    why: dict[int, list[Why]] = defaultdict(list)
    if rows:
        for id, *reason in await tx.execute(_REASONS, {"ids": [row.id for row, _ in rows]}):
            why[id].append(Why(*reason))
    return tuple(
        TagView(
            tag.code, tag.name, tag.kind, row.state, row.source, row.author, row.confidence, row.since, row.evidence_at, row.expires_at,
            row.decided_by, row.asks, tag.shared, tuple(why[row.id]),
        )
        for row, tag in rows
    )  # fmt: skip
