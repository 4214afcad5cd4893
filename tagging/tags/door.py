"""The one door for changes of patients' tags: many patients at once, in few statements, all in the caller's transaction.

    async with open_door(tx, [patient.id], now) as door:
        door[patient.id].support("asthma", evidence)

Rows of state, their changes, the evidence, `tag_change` for the cohorts and the patient's list for triage are written together at the
end of the block.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient
from records.tag import CARRIED
from tagging.tags.catalogue import tags
from tagging.tags.evidence import Evidence
from tagging.tags.holding import Held, Holding, Move
from tagging.tags.library import shipped

# Tags that stood in the triage list before anybody kept reasons.
BY_HAND, WHY_BY_HAND = "registry", "登记时手工填写"

_SAID = ("source", "against", "ref_kind", "ref_id", "rule", "rule_version", "because", "confidence", "at")
_COLUMNS = "tag_id, state, source, author, confidence, since, until, evidence_at, expires_at, decided_by, decided_at, asks, id"
# The open rows, and those that a clinician ended: what spoke for them then does not bring them back.
_ROWS = text(
    f"""
    select patient_id, {_COLUMNS} from patient_tag
    where patient_id = any(:ids) and (until is null or until = decided_at)
    """  # noqa: S608 - our own columns
)
_REASONS = text(
    "select patient_tag_id, source, against, ref_kind, ref_id, rule from tag_evidence where patient_tag_id = any(cast(:rows as bigint[]))"
)
_IDS = text("select nextval(pg_get_serial_sequence('patient_tag', 'id')) from generate_series(1, :count)")
_CHANGED = text(
    """
    update patient_tag t
    set (state, confidence, until, evidence_at, expires_at, decided_by, decided_at, asks)
      = (r.state, r.confidence, r.until, r.evidence_at, r.expires_at, r.decided_by, r.decided_at, r.asks)
    from jsonb_populate_recordset(null::patient_tag, cast(:rows as jsonb)) r where t.id = r.id and t.until is null
    """
)
_NEW = text(
    f"""
    insert into patient_tag (patient_id, {_COLUMNS})
    select patient_id, {_COLUMNS} from jsonb_populate_recordset(null::patient_tag, cast(:rows as jsonb))
    """  # noqa: S608 - our own columns
)
_EVIDENCE = text(
    """
    insert into tag_evidence (patient_tag_id, source, against, ref_kind, ref_id, rule, rule_version, because, confidence, at, recorded_at)
    select patient_tag_id, source, against, ref_kind, ref_id, rule, rule_version, because, confidence, at, recorded_at
    from jsonb_populate_recordset(null::tag_evidence, cast(:rows as jsonb))
    """
)
_STATES = text(
    """
    insert into state_change (entity, entity_id, old, new, at, by, reason, detail)
    select 'patient_tag', entity_id, old, new, at, by, reason, '{}'
    from jsonb_populate_recordset(null::state_change, cast(:rows as jsonb))
    """
)
_CHANGES = text(
    """
    insert into tag_change (patient_id, tag_id, carried, at)
    select patient_id, tag_id, carried, at from jsonb_populate_recordset(null::tag_change, cast(:rows as jsonb))
    """
)


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
    of: dict[int, tuple[Holding, str, bool]] = {}
    for patient_id, *columns in (await tx.execute(_ROWS, {"ids": list(holdings)})).all():
        row, holding = Held(*columns), holdings[patient_id]
        code, is_open = codes[row.tag_id], row.until is None
        of[row.id or 0] = holding, code, is_open
        if is_open:
            holding.rows[code], holding.loaded[code] = row, row.may_change()
    for row_id, source, against, ref_kind, ref_id, rule in (await tx.execute(_REASONS, {"rows": list(of)})).all():
        holding, code, is_open = of[row_id]
        if ref_id is not None:
            (holding.known if is_open else holding.buried).setdefault(code, set()).add((against, ref_kind, ref_id, rule))
        if is_open and not against:
            holding.standing.setdefault(code, set()).add((source, rule))
    return holdings


async def _write(tx: AsyncSession, holdings: list[Holding], now: datetime) -> None:
    triage, lowers = shipped().triage, shipped().lowers
    for holding in holdings:
        wanted = holding.for_triage(triage, lowers)
        if wanted != list(holding.patient.tags or ()):
            holding.patient.tags = wanted
    # What ended leaves its place before the same tag begins anew.
    await _update(tx, [row for holding in holdings for row in holding.changed()])
    begun = [(holding.patient.id, row) for holding in holdings for row in holding.begun]
    if begun:
        for (_, row), id in zip(begun, await tx.scalars(_IDS, {"count": len(begun)}), strict=True):
            row.id = id
    moves = [(holding.patient.id, move) for holding in holdings for move in holding.moves]
    for statement, rows in (
        (_NEW, [{"patient_id": patient_id, **row.as_dict()} for patient_id, row in begun]),
        (_EVIDENCE, [_reason(row, evidence, now) for holding in holdings for row, evidence in holding.reasons]),
        (_STATES, [_state(move, now) for _, move in moves]),
        (_CHANGES, [_change(patient_id, move, now) for patient_id, move in moves if (move.old in CARRIED) != (move.new in CARRIED)]),
    ):
        if rows:
            await tx.execute(statement, {"rows": _json(rows)})


async def _update(tx: AsyncSession, rows: list[Held]) -> None:
    """Guarded by being open: whoever came around the door and ended one meanwhile is found out. Raises RuntimeError."""
    if rows:
        done = await tx.execute(_CHANGED, {"rows": _json([row.as_dict() for row in rows])})
        if done.rowcount != len(rows):  # type: ignore[attr-defined]
            raise RuntimeError("a patient's tag was changed by somebody who did not come through the door")


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, default=datetime.isoformat)


def _reason(row: Held, evidence: Evidence, now: datetime) -> dict[str, Any]:
    said = {name: getattr(evidence, name) for name in _SAID}
    return {"patient_tag_id": row.id, "recorded_at": now, **said}


def _state(move: Move, now: datetime) -> dict[str, Any]:
    return {"entity_id": move.row.id, "old": move.old, "new": move.new, "at": now, "by": move.by, "reason": move.reason}


def _change(patient_id: int, move: Move, now: datetime) -> dict[str, Any]:
    return {"patient_id": patient_id, "tag_id": move.row.tag_id, "carried": move.new in CARRIED, "at": now}
