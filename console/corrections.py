"""What families say is wrong in identity data, for the child's team to decide."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.corrections import decide
from console.desk import DESK, SEAT
from console.form import words
from console.page import get, post, render, see_other
from plans.correction import LONGEST, CorrectionError, open_corrections
from plans.correction import words as correction_words
from records.correction import Correction
from records.patient import AccessRefused, Patient, PatientCarer, access_patient, note_reads
from records.staff import Staff

RIGHT, WHY = "care.act", "correction"
# Decided ones that are shown.
SHOWN = 30


async def show(request: web.Request) -> web.StreamResponse:
    """What waits, and what was decided lately, of the teams in which he may."""
    desk, seat = request.app[DESK], request[SEAT]
    mine = [team for team in seat.teams if seat.rights.has(RIGHT, team)]
    async with desk.db.transaction() as tx:
        rows = await open_corrections(tx, mine)
        carers = await _relationships(tx, [row for row, _, _ in rows])
        decided = (
            select(Correction, Patient, Staff.name)
            .join(Patient, Patient.id == Correction.patient_id)
            .outerjoin(Staff, Staff.id == Correction.decided_by)
            .where(Correction.state != "open", Patient.team_id.in_(mine))
            .order_by(Correction.decided_at.desc())
            .limit(SHOWN)
        )
        done = (await tx.execute(decided)).all()
        await note_reads(tx, seat.staff, {patient.id for _, patient, *_ in [*rows, *done]}, why=WHY, now=desk.clock())
    return render(
        request,
        "console/corrections.html",
        rows=rows,
        carers=carers,
        done=done,
        fields=correction_words()["fields"],
        sexes=correction_words()["sexes"],
        longest=LONGEST,
        wrong=request.query.get("wrong") in ("incomplete", "not_open") and request.query["wrong"],
    )


async def grant(request: web.Request) -> web.StreamResponse:
    """It is changed as the family asked."""
    return await _decided(request, grant=True)


async def turn_down(request: web.Request) -> web.StreamResponse:
    """It stays as it is, and the family is told why."""
    return await _decided(request, grant=False)


async def access_correction(tx: AsyncSession, request: web.Request) -> tuple[Correction, Patient]:
    """The request of the address, locked with its child. Raises AccessRefused for one of another team."""
    number, seat = int(request.match_info["correction"]), request[SEAT]
    row = await tx.get(Correction, number)
    if row is None:
        raise AccessRefused(f"correction {number}")
    patient = await access_patient(tx, seat.staff, row.patient_id, now=request.app[DESK].clock(), why=WHY, lock=True)
    seat.rights.check(RIGHT, patient.team_id)
    return row, patient


async def _decided(request: web.Request, *, grant: bool) -> web.StreamResponse:
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    try:
        async with desk.db.transaction() as tx:
            row, patient = await access_correction(tx, request)
            await decide(tx, row, patient, seat.staff, grant=grant, answer=words(form, "answer", LONGEST), now=desk.clock())
    except CorrectionError as err:
        return see_other(request, "/corrections", wrong=err.code)
    return see_other(request, "/corrections", said="correction_applied" if grant else "correction_refused")


async def _relationships(tx: AsyncSession, rows: list[Correction]) -> dict[tuple[int, int], str]:
    """What each carer is to the child, by their ids."""
    links = select(PatientCarer).where(PatientCarer.patient_id.in_({row.patient_id for row in rows}))
    return {(link.patient_id, link.carer_id): link.relationship for link in await tx.scalars(links)}


_ONE = "/corrections/{correction:\\d{1,18}}"
ROUTES = (get("/corrections", show, RIGHT), post(f"{_ONE}/apply", grant, RIGHT), post(f"{_ONE}/refuse", turn_down, RIGHT))
