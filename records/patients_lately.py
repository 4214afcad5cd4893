"""The patients of one's own teams without a search: those with whom something happened last come first."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.flag import LEVELS, Flag
from records.patient import Patient, note_reads
from records.patient_index import LATELY
from records.staff import Staff, teams_of

WHY = "patients"
PAGE = 30
NEVER = date(1, 1, 1)
# One short walk along the index for each team, and the first of them all.
_PLACES = text(f"""
    select of_team.* from unnest(cast(:teams as bigint[])) as team (id) cross join lateral (
        select patient_id, {LATELY} as on_day, visited_on, discharged_on, answered_on from patient_index
        where team_id = team.id and ({LATELY}, patient_id) < (cast(:on_day as date), cast(:id as bigint))
        order by {LATELY} desc, patient_id desc limit :most) of_team
    order by on_day desc, patient_id desc limit :most
""")  # noqa: S608 - made of the constant above


@dataclass(frozen=True)
class Place:
    """Where a page of the list ends: behind this patient, and with whom something happened on this day."""

    on_day: date = date.max
    patient_id: int = 2**62

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{self.on_day.isoformat()}.{self.patient_id}"

    @classmethod
    def read(cls, said: str) -> "Place":
        """The place in an address; of nonsense the beginning."""
        found = re.fullmatch(r"(\d{4}-\d\d-\d\d)\.(\d{1,18})", said, re.ASCII)
        try:
            return cls(date.fromisoformat(found[1]), int(found[2])) if found else cls()
        except ValueError:
            return cls()


@dataclass(frozen=True)
class Lately:
    """A patient; the last day on which something happened (None: never) and what: answered, discharged or visited; the worst level of his
    open alerts."""

    patient: Patient
    on_day: date | None
    what: str
    level: str | None


async def patients_lately(tx: AsyncSession, staff: Staff, *, after: Place, now: datetime) -> tuple[list[Lately], Place | None]:
    """A page of an active clinician's patients, and where the next begins (None: there is none). Each is a read in the audit.

    Who is so new that cohorts do not know him yet (seconds) is not among them.
    """
    teams = list(await tx.scalars(teams_of(staff.id))) if staff.active else []
    given = {"teams": teams, "on_day": after.on_day, "id": after.patient_id, "most": PAGE + 1}
    rows = (await tx.execute(_PLACES, given)).all()
    shown = [row.patient_id for row in rows[:PAGE]]
    # Who has just moved to another team is not hers any more, whatever the index says.
    mine = select(Patient).where(Patient.id.in_(shown), Patient.team_id.in_(teams))
    patients = {patient.id: patient for patient in await tx.scalars(mine)}
    alerts = select(Flag.patient_id, Flag.level).where(Flag.team_id.in_(teams), Flag.state != "closed", Flag.patient_id.in_(shown))
    levels: dict[int | None, str] = {}
    for id, level in await tx.execute(alerts):
        levels[id] = max(level, levels.get(id, level), key=LEVELS.index)
    await note_reads(tx, staff, set(patients), why=WHY, now=now)
    found = [_lately(row, patients[row.patient_id], levels.get(row.patient_id)) for row in rows[:PAGE] if row.patient_id in patients]
    return found, Place(rows[PAGE - 1].on_day, rows[PAGE - 1].patient_id) if len(rows) > PAGE else None


def _lately(row: Any, patient: Patient, level: str | None) -> Lately:
    days = {"answered": row.answered_on, "discharged": row.discharged_on, "visited": row.visited_on}
    what = next((name for name, day in days.items() if day == row.on_day), "")
    return Lately(patient, row.on_day if row.on_day != NEVER else None, what, level)
