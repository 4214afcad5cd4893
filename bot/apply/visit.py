"""Stays and visits, and what hangs on their end."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.apply.errors import ApplyError
from bot.apply.work import Work
from integrations.event import VisitChange
from plans.anchor import NO_STAY
from plans.clock import local_day
from plans.discharge import discharge_changed
from plans.hold import stay_began, stay_ended
from records.binding import Invitation
from records.encounter import Encounter
from records.patient import Patient
from records.said import CLEARED, said_at, say

# An admission that is told of later than this is history that comes in (R).
LONGEST_STAY = timedelta(days=180)


async def visit_changed(work: Work, patient: Patient, event: VisitChange, position: int) -> None:
    """Bring the stay or visit to what the event says. A discharge that is new, moved or taken back takes the plans along that count
    from it.

    Raises ApplyError: `other_patient` (the number is another one's visit), `visit_unknown` (no number, and none that could be meant).
    """
    row = await _visit(work, patient, event)
    if row is None:
        return
    new = row.state is None
    old_state, old_end = (None, None) if new else (row.state, _discharge(row, work))
    visit, at = event.visit, work.at(event)
    fields: dict[str, Any] = {
        "kind": visit.kind, "department": visit.department, "ward": visit.ward, "room": visit.room, "bed": visit.bed,
        "started_at": visit.admitted_at, "ended_at": None, "state": None,
    }  # fmt: skip
    if event.what == "cancel_admit":
        fields["state"] = "cancelled"
    elif event.what == "cancel_discharge":
        fields |= {"state": "in-progress", "ended_at": CLEARED}
    elif event.what == "discharge" or visit.discharged_at is not None:
        fields |= {"state": "finished", "ended_at": visit.discharged_at or at}
    elif event.what == "admit":
        fields["state"] = "planned" if visit.kind == "preadmit" else "in-progress"
    if new:
        # There before anything is said, or it would count as said by whoever speaks of something else first.
        row.state = "in-progress"
    changed = say(row, work.stamp(event, position), fields, fallback={"kind": "inpatient", "department": "", "started_at": at})
    if not said_at(row, "state"):
        row.state = "planned" if row.kind == "preadmit" else "in-progress"
    if new:
        work.shelf.late.append(row)
    if row.state != old_state:
        work.note(row, old_state, row.state)
    if changed:
        work.changed.add(patient.id)
        work.dated.add(patient.id)
    await _consequences(work, patient, row, old_end)
    await _stay(work, patient, row, old_state)
    if row.state == "cancelled" and old_state not in (None, "cancelled"):
        await _no_more_links(work, row)


async def _visit(work: Work, patient: Patient, event: VisitChange) -> Encounter | None:
    """The row of the visit, new where there is none; None where an update says of no visit which one it means."""
    number, began = event.visit.number, event.visit.admitted_at
    key = number or (f"{patient.id}:{began.isoformat()}" if began is not None else None)
    if key is None:
        here = select(Encounter).where(
            Encounter.source == work.feed, Encounter.patient_id == patient.id, Encounter.state.in_(("planned", "in-progress"))
        )
        await work.shelf.write(work.tx)
        open_one: Encounter | None = await work.tx.scalar(here.order_by(Encounter.started_at.desc()).limit(1).with_for_update())
        if open_one is None and event.what == "admit":
            key = f"{patient.id}:{work.at(event).isoformat()}"
        elif open_one is None and event.what != "update":
            raise ApplyError("visit_unknown", permanent=False)
        else:
            return open_one
    row: Encounter | None = (await work.shelf.take(work.tx, Encounter, work.feed, [key])).get(key)
    if row is None:
        row = work.shelf.rows[Encounter, key] = Encounter(patient_id=patient.id, source=work.feed, source_id=key, said_at={})
        return row
    if row.patient_id != patient.id:
        raise ApplyError("other_patient", detail="encounter")
    return row


def _discharge(row: Encounter, work: Work) -> date | None:
    """The day of the discharge, where there is one that plans may count from."""
    ended: datetime | None = row.ended_at
    if row.state != "finished" or ended is None or row.kind in NO_STAY:
        return None
    return local_day(ended, work.zone)


async def _consequences(work: Work, patient: Patient, row: Encounter, old: date | None) -> None:
    new = _discharge(row, work)
    if new != old:
        await work.tx.flush()
        await discharge_changed(work.tx, patient, old, new, by=work.by, now=work.now, zone=work.zone)


async def _stay(work: Work, patient: Patient, row: Encounter, old: str | None) -> None:
    """A child in hospital is not asked at home: plans pause for the stay, and go on after it. A stay of long ago pauses nothing."""
    if row.kind != "inpatient" or row.state == old:
        return
    if row.state == "in-progress" and patient.died_at is None and work.now - row.started_at < LONGEST_STAY:
        await work.tx.flush()
        await stay_began(work.tx, patient.id, by=work.by, now=work.now)
    elif old == "in-progress":
        await work.shelf.write(work.tx)
        await work.tx.flush()
        await stay_ended(work.tx, patient.id, by=work.by, now=work.now, zone=work.zone)


async def _no_more_links(work: Work, row: Encounter) -> None:
    """A stay that never was has no discharge sheet: its links bind nobody any more."""
    await work.shelf.write(work.tx)
    await work.tx.execute(
        update(Invitation)
        .where(Invitation.encounter_id == row.id, Invitation.used_at.is_(None), Invitation.expires_at > work.now)
        .values(expires_at=work.now)
        .execution_options(synchronize_session=False)
    )
