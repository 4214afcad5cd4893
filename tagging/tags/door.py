"""The one door for changes of patients' tags: many patients at once, in few statements, all in the caller's transaction.

    async with open_door(tx, [patient.id], now) as door:
        door[patient.id].support("asthma", evidence)

Rows of state, their changes, the evidence, `tag_change` for the cohorts and the patient's list for triage are written together at the
end of the block.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient
from records.state import StateChange
from records.tag import CARRIED, PatientTag, TagChange, TagEvidence
from tagging.tags.catalogue import tags
from tagging.tags.evidence import Evidence
from tagging.tags.holding import Holding
from tagging.tags.library import shipped

# Tags that stood in the triage list before anybody kept reasons.
BY_HAND, WHY_BY_HAND = "registry", "登记时手工填写"


@asynccontextmanager
async def open_door(tx: AsyncSession, patient_ids: Iterable[int], now: datetime) -> AsyncIterator[dict[int, Holding]]:
    """What these patients hold, by id; their rows are held until the end of the transaction, one at a time for whoever changes tags.

    Patients who do not exist are left out. Nothing is written when the block raises.
    """
    holdings = await _load(tx, sorted(set(patient_ids)), now)
    for holding in holdings.values():
        holding.adopt(BY_HAND, WHY_BY_HAND)
    yield holdings
    await _write(tx, list(holdings.values()), now)


async def _load(tx: AsyncSession, ids: list[int], now: datetime) -> dict[int, Holding]:
    if not ids:
        return {}
    known = await tags(tx, now)
    codes = {tag.id: code for code, tag in known.items()}
    # Not for update: whoever only refers to a patient (a new observation) must not wait.
    chosen = select(Patient).where(Patient.id.in_(ids)).order_by(Patient.id).with_for_update(key_share=True)
    patients = await tx.scalars(chosen.execution_options(populate_existing=True))
    holdings = {patient.id: Holding(patient, known, now) for patient in patients}
    ended_by_hand = and_(PatientTag.decided_at.is_not(None), PatientTag.until == PatientTag.decided_at)
    wanted = select(PatientTag).where(PatientTag.patient_id.in_(list(holdings)), or_(PatientTag.until.is_(None), ended_by_hand))
    rows = {row.id: row for row in await tx.scalars(wanted.execution_options(populate_existing=True))}
    for row in rows.values():
        if row.until is None:
            holdings[row.patient_id].rows[codes[row.tag_id]] = row
    columns = (
        TagEvidence.patient_tag_id, TagEvidence.source, TagEvidence.against, TagEvidence.ref_kind, TagEvidence.ref_id, TagEvidence.rule,
    )  # fmt: skip
    for row_id, source, against, ref_kind, ref_id, rule in await tx.execute(
        select(*columns).where(TagEvidence.patient_tag_id.in_(list(rows)))
    ):
        row = rows[row_id]
        holding, code = holdings[row.patient_id], codes[row.tag_id]
        if ref_kind is not None and ref_id is not None and rule is not None:
            kept = holding.known if row.until is None else holding.buried
            kept.setdefault(code, set()).add((against, ref_kind, ref_id, rule))
        if row.until is None and not against:
            holding.standing.setdefault(code, set()).add((source, rule))
    return holdings


async def _write(tx: AsyncSession, holdings: list[Holding], now: datetime) -> None:
    triage, lowers = shipped().triage, shipped().lowers
    for holding in holdings:
        wanted = holding.for_triage(triage, lowers)
        if wanted != list(holding.patient.tags or ()):
            holding.patient.tags = wanted
    # What ended leaves its place before the same tag begins anew.
    await tx.flush()
    tx.add_all([row for holding in holdings for row in holding.begun])
    await tx.flush()
    moves = [(holding.patient.id, move) for holding in holdings for move in holding.moves]
    reasons = [(row, evidence) for holding in holdings for row, evidence in holding.reasons]
    changes: list[dict[str, Any]] = []
    for patient_id, move in moves:
        before, after = move.old in CARRIED, move.new in CARRIED
        if before != after:
            changes.append({"patient_id": patient_id, "tag_id": move.row.tag_id, "carried": after, "at": now})
    states: list[dict[str, Any]] = [
        {
            "entity": "patient_tag",
            "entity_id": move.row.id,
            "old": move.old,
            "new": move.new,
            "at": now,
            "by": move.by,
            "reason": move.reason,
            "detail": {},
        }
        for _, move in moves
    ]
    for table, values in (
        (TagEvidence, [_row(row, evidence, now) for row, evidence in reasons]),
        (StateChange, states),
        (TagChange, changes),
    ):
        if values:
            await tx.execute(insert(table), values)


def _row(row: PatientTag, evidence: Evidence, now: datetime) -> dict[str, Any]:
    return {
        "patient_tag_id": row.id,
        "source": evidence.source,
        "against": evidence.against,
        "ref_kind": evidence.ref_kind,
        "ref_id": evidence.ref_id,
        "rule": evidence.rule,
        "rule_version": evidence.rule_version,
        "because": evidence.because,
        "confidence": evidence.confidence,
        "at": evidence.at,
        "recorded_at": now,
    }
