"""One alert: what was said, why it fired, about whom, who has it; and what is done about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.alerts import OUTCOMES, WHY, access_alert, is_theirs
from bot.cards import category_text
from bot.conversation import Line, conversation
from bot.escalation import last_tiers, next_asked
from console import work_acts
from console.desk import DESK, SEAT, Desk, Seat
from console.page import by_htmx, get, post, render
from console.phone.brief import Brief, brief_of
from console.phone.done import done
from console.phone.home import HOME
from console.phone.talk import talk_with
from console.portrait import portrait_words
from console.words import area_words
from console.work_acts import act
from console.work_page import Said
from plans.clarify_talk import told_of
from records.chat import Chat
from records.flag import Flag
from records.patient import Patient
from records.question import QUESTION
from records.staff import Staff, colleagues

# The last words of the talk that stand on the page, of so many lines looked at.
WORDS, LOOKED_AT = 4, 12
_SPOKEN = ("family", "bot", "colleague")


@dataclass(frozen=True)
class AlertView:
    """The page. `told` is what the family has answered since; `asked` the tier that silence asks next and when; `talk` the chat in which
    the family can be written to; `theirs`: the reader may take it or pass it on."""

    flag: Flag
    what: str
    told: str | None
    patient: Patient | None
    brief: Brief | None
    owner: str | None
    mine: bool
    theirs: bool
    acts: bool
    asked: tuple[int, datetime] | None
    talk: Chat | None
    lines: list[Line]
    people: list[Staff]


async def show(request: web.Request) -> web.StreamResponse:
    """The alert; what the page asks for by itself is no new look."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        view = await _view(tx, desk, seat, int(request.match_info["id"]), lasting=by_htmx(request))
    template = "console/phone/_alert.html" if by_htmx(request) else "console/phone/alert.html"
    outcomes = [each for each in OUTCOMES if each != "answered"]
    return render(request, template, a=view, is_question=view.flag.category == QUESTION, outcomes=outcomes, **words())


def words() -> dict[str, Any]:
    """What the pages of a patient and of an alert say by code."""
    return {"w": area_words("work_list"), "pw": portrait_words(), "said": area_words("patients")}


async def _view(tx: AsyncSession, desk: Desk, seat: Seat, number: int, *, lasting: bool) -> AlertView:
    now = desk.clock()
    flag, chat = await access_alert(tx, seat.staff, number, now=now, lock=False, lasting=lasting)
    patient = await tx.get(Patient, flag.patient_id) if flag.patient_id is not None else None
    owner = await tx.get(Staff, flag.owner_id) if flag.owner_id is not None else None
    talk, _ = await talk_with(tx, seat, chat, patient, now, WHY)
    spoken = (await conversation(tx, talk, (), limit=LOOKED_AT))[0] if talk is not None else []
    answered = await told_of(tx, [patient.id], now) if patient is not None else {}
    told = answered.get(patient.id) if patient is not None else None
    return AlertView(
        flag=flag,
        what=category_text(flag.category),
        told=told if told is not None and told not in flag.because else None,
        patient=patient,
        brief=await brief_of(tx, patient, seat, now, desk.zone) if patient is not None else None,
        owner=owner.name if owner is not None else None,
        mine=flag.owner_id == seat.staff.id,
        theirs=is_theirs(flag, seat.staff),
        acts=seat.rights.has("care.act", flag.team_id),
        asked=next_asked(flag, (await last_tiers(tx, [flag.team_id])).get(flag.team_id, 0)),
        talk=talk,
        lines=[line for line in spoken if line.side in _SPOKEN][-WORDS:],
        people=await colleagues(tx, flag.team_id, seat.staff),
    )


async def _stay(request: web.Request, said: Said) -> web.StreamResponse:
    """What comes next is on the alert's page."""
    return done(request, said, f"{HOME}/alerts/{request.match_info['id']}")


async def _leave(request: web.Request, said: Said) -> web.StreamResponse:
    """It is over for her."""
    return done(request, said, HOME)


_ID = f"{HOME}/alerts/{{id:\\d{{1,18}}}}"
ROUTES = (
    get(_ID, show, "care.read"),
    post(f"{_ID}/claim", act(work_acts.claim_here, _stay), "care.act"),
    post(f"{_ID}/transfer", act(work_acts.transfer, _leave), "care.act"),
    post(f"{_ID}/close", act(work_acts.close, _leave), "care.act"),
    post(f"{_ID}/answer", act(work_acts.answer, _leave), "care.act"),
)
