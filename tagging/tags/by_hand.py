"""What a clinician sees of a patient's tags, and what he says about them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import access_patient
from records.staff import Staff, teams_of
from records.tag import PatientTag, Tag, TagEvidence
from tagging.tags.catalogue import tags
from tagging.tags.door import open_door
from tagging.tags.errors import TagError

Word = Literal["carries", "refused", "ended"]
WHY = "tags"
# As long as a reason gets, and as many as are shown of one tag, the latest first.
LONGEST_WHY, SHOWN = 200, 20


@dataclass(frozen=True)
class Reason:
    """One piece of evidence, as it is shown."""

    source: str
    against: bool
    because: str
    at: datetime
    confidence: float
    rule: str | None
    rule_version: int | None
    ref_kind: str | None
    ref_id: int | None


@dataclass(frozen=True)
class ShownTag:
    """A tag on a patient with its reasons, the latest first."""

    code: str
    name: str
    kind: str
    row: PatientTag
    reasons: tuple[Reason, ...]


async def tags_seen_by(tx: AsyncSession, staff: Staff, patient_id: int, *, now: datetime, history: bool = False) -> list[ShownTag]:
    """The patient's tags as `staff` may see them: private ones of other teams are left out; with `history` those that ended too.

    The read is audited. Raises AccessRefused.
    """
    await access_patient(tx, staff, patient_id, now=now, why=WHY)
    return await tags_of(tx, patient_id, teams=await _teams(tx, staff), history=history)


async def tags_of(tx: AsyncSession, patient_id: int, *, teams: Collection[int] | None, history: bool = False) -> list[ShownTag]:
    """The patient's tags that are shared or belong to one of `teams`; all for None (an administrator at the command line)."""
    query = select(PatientTag, Tag).join(Tag, Tag.id == PatientTag.tag_id).where(PatientTag.patient_id == patient_id)
    if not history:
        query = query.where(PatientTag.until.is_(None))
    if teams is not None:
        query = query.where(or_(Tag.shared, Tag.team_id.in_(list(teams))))
    rows = (await tx.execute(query.order_by(PatientTag.until.isnot(None), Tag.kind, Tag.code, PatientTag.id.desc()))).all()
    reasons: dict[int, list[Reason]] = defaultdict(list)
    evidence = select(TagEvidence).where(TagEvidence.patient_tag_id.in_([row.id for row, _ in rows]))
    for each in await tx.scalars(evidence.order_by(TagEvidence.at.desc(), TagEvidence.id.desc())):
        if len(reasons[each.patient_tag_id]) < SHOWN:
            reasons[each.patient_tag_id].append(_reason(each))
    return [ShownTag(tag.code, tag.name, tag.kind, row, tuple(reasons[row.id])) for row, tag in rows]


async def say(tx: AsyncSession, staff: Staff, patient_id: int, code: str, word: Word, *, why: str, now: datetime) -> None:
    """A clinician's word about one of his patients: it carries the tag, it does not (refused), or it does no longer (ended).

    Raises AccessRefused, and TagError for a tag that is computed, retired, or private to another team (which looks like none).
    """
    await access_patient(tx, staff, patient_id, now=now, why=WHY)
    tag = (await tags(tx, now)).get(code)
    mine = await _teams(tx, staff)
    if tag is None or not (tag.shared or tag.team_id in mine):
        raise TagError("unknown_tag", f"There is no tag {code[:60]!r} in the library.")
    if tag.team_id is not None and tag.team_id not in mine:
        raise TagError("refused", f"{code} belongs to another team, which alone may give it.")
    because = " ".join(why.split())[:LONGEST_WHY]
    if not because:
        raise TagError("refused", "Say why.")
    async with open_door(tx, [patient_id], now) as door:
        if word == "ended":
            door[patient_id].end(code, by=staff.userid, why=because)
        else:
            door[patient_id].decide(code, carries=word == "carries", by=staff.userid, why=because)


async def _teams(tx: AsyncSession, staff: Staff) -> set[int]:
    return set(await tx.scalars(teams_of(staff.id)))


def _reason(row: TagEvidence) -> Reason:
    return Reason(row.source, row.against, row.because, row.at, row.confidence, row.rule, row.rule_version, row.ref_kind, row.ref_id)
