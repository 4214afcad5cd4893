"""What stands above every page of a patient: who he is, whom to speak with, what is open, what the record lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.page import render, today
from console.portrait import portrait_words
from console.words import area_words
from records.chat_desk import chat_about
from records.flag import Flag, worst_first
from records.patient import Patient, access_patient
from tagging.portrait.completeness import Field, missing_fields
from tagging.portrait.numbers import in_words
from tagging.portrait.who import Who, who

WHY = "patient"
# In the order of the page.
TABS = ("portrait", "timeline", "trends", "tags", "plan", "notes", "audit")


@dataclass(frozen=True)
class Head:
    """The patient and what the reader may do about him: `acts` on his record, `plans` on his plans; `chat_id` is where to write."""

    patient: Patient
    who: Who
    alerts: Sequence[Flag]
    missing: Sequence[Field]
    acts: bool
    plans: bool
    chat_id: int | None


async def open_patient(tx: AsyncSession, request: web.Request, *, lock: bool = False) -> Head:
    """The patient of the address through the guarded door, with what stands above. Raises AccessRefused."""
    desk, seat = request.app[DESK], request[SEAT]
    patient = await access_patient(tx, seat.staff, int(request.match_info["id"]), now=desk.clock(), why=WHY, lock=lock)
    return await head_of(tx, request, patient)


async def head_of(tx: AsyncSession, request: web.Request, patient: Patient) -> Head:
    """The same for a patient to whom the reader has been let in."""
    desk, seat = request.app[DESK], request[SEAT]
    return Head(
        patient,
        await who(tx, patient, today(desk)),
        await _open_alerts(tx, patient),
        await missing_fields(tx, patient.id),
        seat.rights.has("care.act", patient.team_id),
        seat.rights.has("plan.enrol", patient.team_id),
        await chat_about(tx, seat.staff, patient.id),
    )


async def show_alerts(request: web.Request) -> web.StreamResponse:
    """What is open about him, as it stands now: for the page that is open already, and so no new look at him."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        patient = await access_patient(tx, seat.staff, int(request.match_info["id"]), now=desk.clock(), why=WHY, lasting=True)
        alerts = await _open_alerts(tx, patient)
    return render(request, "console/patients/_alerts.html", alerts=alerts, w=portrait_words())


async def _open_alerts(tx: AsyncSession, patient: Patient) -> Sequence[Flag]:
    flags = await tx.scalars(select(Flag).where(Flag.patient_id == patient.id, Flag.state != "closed"))
    return sorted(flags, key=worst_first)


def mistake(code: str, other: str = "") -> str:
    """Why something was not done, by its code; `other` says it where there is no sentence for the code."""
    known = area_words("patients")["mistakes"]
    found: str = known.get(code) or known[other or code]
    return found


def patient_page(
    request: web.Request, head: Head, tab: str, *, template: str | None = None, status: int = 200, **context: Any
) -> web.Response:
    """One of the patient's pages; `tab` is where in the row of them it belongs."""
    return render(
        request,
        f"console/patients/{template or tab}.html",
        status=status,
        head=head,
        tab=tab,
        tabs=TABS,
        w=portrait_words(),
        said=area_words("patients"),
        number_of=in_words,
        here=f"/console/patients/{head.patient.id}",
        **context,
    )
