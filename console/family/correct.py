"""A carer asks to have identity data of the child, or his own, corrected, and sees what became of it."""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.family.desk import FAMILY, VISITOR
from console.family.page import child_of, render, say, see_other
from console.form import words
from console.page import ANYBODY, get, post
from plans.correction import FIELDS, LONGEST, CorrectionError, file_correction, on_file, told
from plans.correction import words as correction_words
from records.correction import Correction
from records.patient import Carer, Patient

# So many requests are shown.
SHOWN = 20


async def show(request: web.Request) -> web.StreamResponse:
    """What is on file, the form, and the carer's own requests."""
    return await _page(request, {})


async def ask(request: web.Request) -> web.StreamResponse:
    """One more request."""
    desk, child, carer, form = request.app[FAMILY], child_of(request), request[VISITOR].carer, await request.post()
    given = {name: words(form, name, LONGEST) for name in ("field", "wanted", "said")}
    now = desk.clock()
    try:
        async with desk.db.transaction() as tx:
            patient, mine = await tx.get_one(Patient, child.id), await tx.get_one(Carer, carer.id)
            await file_correction(tx, patient, mine, **given, now=now, today=now.astimezone(desk.zone).date())
    except CorrectionError as err:
        return await _page(request, given, say(f"correct.wrong.{err.code}"))
    return see_other(f"/{child.id}/correct?filed=yes")


async def _page(request: web.Request, given: Mapping[str, str], error: str | None = None) -> web.Response:
    desk, child, carer = request.app[FAMILY], child_of(request), request[VISITOR].carer
    async with desk.db.transaction() as tx:
        now = {name: await _shown(tx, child, carer, name) for name in FIELDS if name != "other"}
        mine = select(Correction).where(Correction.patient_id == child.id, Correction.carer_id == carer.id)
        rows = list(await tx.scalars(mine.order_by(Correction.id.desc()).limit(SHOWN)))
    texts = correction_words()
    return render(
        request,
        "correct.html",
        status=200 if error is None else 422,
        child=child,
        fields=texts["fields"],
        on_file=now,
        rows=[(row, told(row) if row.state != "open" else None) for row in rows],
        given=given,
        error=error,
        filed=request.query.get("filed") == "yes",
        longest=LONGEST,
    )


async def _shown(tx: AsyncSession, child: Patient, carer: Carer, field: str) -> str:
    """What stands on file, as people say it; of a telephone its end alone, for whoever holds this phone."""
    value = await on_file(tx, child, carer, field)
    if field == "phone" and value:
        return f"…{value[-4:]}"
    return str(correction_words()["sexes"].get(value, value)) if field == "sex" else value


ROUTES = (
    get(r"/{child:\d{1,18}}/correct", show, ANYBODY),
    post(r"/{child:\d{1,18}}/correct", ask, ANYBODY),
)
