"""Doing: write, take, hand back, end, note down, send contents and questionnaires, deal with an alert."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession

from bot.alerts import OUTCOMES, claim, close, is_theirs
from bot.clinician import (
    ClinicianRefused,
    hand_back,
    say_as,
    send_article,
    send_questionnaire,
    take,
    take_from_wecom,
    take_in_wecom,
    withdraw,
)
from bot.lines import deliver
from console.alert import alert_to_act_on
from console.desk import DESK, SEAT, Desk, Seat
from console.form import number, words
from console.inbox.view import WHY, chat_number, show_talk
from console.inbox.words import sentence
from console.page import Handler, Route, by_htmx, post, see_other
from plans.questionnaire import newest
from records.chat import Chat
from records.chat_desk import LONGEST, ChatNote, access_chat
from records.flag import Flag
from records.patient import AccessRefused, Patient
from records.staff import Staff


@dataclass(frozen=True)
class Case:
    """A form that was sent about a chat: who, which chat (locked), which of her children, in which transaction."""

    tx: AsyncSession
    desk: Desk
    seat: Seat
    chat: Chat
    patients: list[Patient]
    form: MultiDictProxy[str | bytearray | bytes | web.FileField]
    now: datetime

    def given(self, name: str) -> str:
        """A field of the form."""
        return words(self.form, name)

    @property
    def staff(self) -> Staff:
        """Who acts."""
        return self.seat.staff

    @property
    def team_id(self) -> int:
        """The team for which she acts."""
        return self.patients[0].team_id if self.patients else self.chat.team_id

    @property
    def patient(self) -> Patient:
        """The child that is meant. Raises ClinicianRefused, and RightMissing for one of a team where she may only read."""
        chosen = [patient for patient in self.patients if str(patient.id) == self.given("patient")]
        if not chosen and len(self.patients) == 1:
            chosen = self.patients
        if not chosen:
            raise ClinicianRefused("no_patient")
        self.seat.rights.check("care.act", chosen[0].team_id)
        return chosen[0]


def acting(path: str, work: Callable[[Case], Awaitable[None]]) -> Route:
    """A form about a chat. What was refused is said in a sentence and leaves the page, and what is written there, as it is."""

    async def handle(request: web.Request) -> web.StreamResponse:
        desk, seat, now = request.app[DESK], request[SEAT], request.app[DESK].clock()
        # All of it is here before the chat is locked.
        form = await request.post()
        try:
            async with desk.db.transaction() as tx:
                chat, patients = await access_chat(tx, seat.staff, chat_number(request), now=now, why=WHY, lock=True)
                case = Case(tx, desk, seat, chat, patients, form, now)
                seat.rights.check("care.act", case.team_id)
                await work(case)
        except ClinicianRefused as err:
            return web.Response(text=sentence(err.code), status=409, content_type="text/plain")
        if not by_htmx(request):
            return see_other(request, f"/inbox/{chat_number(request)}")
        answer = await show_talk(request)
        # The list and what stands beside the chat are read anew.
        answer.headers["HX-Trigger"] = "inbox"
        return answer

    made: Handler = handle
    return post(r"/inbox/{chat:\d{1,18}}" + path, made, "care.act")


async def _say(case: Case) -> None:
    hold = case.given("hold") == "1"
    await say_as(case.tx, case.chat, case.staff, case.given("words"), case.given("nonce"), case.now, hold=hold)


async def _take(case: Case) -> None:
    await take(case.tx, case.chat, case.staff, case.now)


async def _back(case: Case) -> None:
    await hand_back(case.tx, case.chat, case.staff, case.now)


async def _end(case: Case) -> None:
    outcome, note = _outcome(case)
    for given in case.form.getall("flag", []):
        flag = await _flag(case, str(given))
        await _close(case, flag, outcome, note)
    await hand_back(case.tx, case.chat, case.staff, case.now, outcome=outcome, note=note)


async def _from_wecom(case: Case) -> None:
    await take_from_wecom(case.tx, case.chat, case.staff, case.given("words"), case.given("nonce"), case.now)


async def _in_wecom(case: Case) -> None:
    await take_in_wecom(case.tx, case.chat, case.staff, case.given("nonce"), case.now)


async def _withdraw(case: Case) -> None:
    await withdraw(case.tx, case.chat, case.given("key"))


async def _note(case: Case) -> None:
    text = case.given("note")
    if not text:
        raise ClinicianRefused("empty")
    if len(text) > LONGEST:
        raise ClinicianRefused("note_long")
    case.tx.add(ChatNote(chat_id=case.chat.id, team_id=case.team_id, staff_id=case.staff.id, text=text, at=case.now))


async def _article(case: Case) -> None:
    code, nonce, page = case.given("code"), case.given("nonce"), bool(case.desk.pages)
    await send_article(case.tx, case.chat, case.staff, case.patient, code, nonce, case.now, zone=case.desk.zone, page=page)


async def _questionnaire(case: Case) -> None:
    form = newest().get(case.given("form"))
    if form is None:
        raise ClinicianRefused("no_form")
    await send_questionnaire(case.tx, case.chat, case.staff, case.patient, form, case.given("nonce"), case.now)


async def _take_flag(case: Case) -> None:
    flag = await _flag(case, case.given("flag"))
    if flag.state == "acknowledged" or not is_theirs(flag, case.staff):
        raise ClinicianRefused("taken")
    # Without its chat, which would go to her WeCom: she is here.
    await deliver(case.tx, await claim(case.tx, flag, None, case.staff, case.now))


async def _close_flag(case: Case) -> None:
    outcome, note = _outcome(case)
    await _close(case, await _flag(case, case.given("flag")), outcome, note)


async def _close(case: Case, flag: Flag, outcome: str, note: str | None) -> None:
    if flag.state != "closed":
        await deliver(case.tx, await close(case.tx, flag, case.staff, case.now, outcome=outcome, note=note))


def _outcome(case: Case) -> tuple[str, str | None]:
    outcome, note = case.given("outcome"), case.given("note")
    if outcome not in OUTCOMES:
        raise ClinicianRefused("bad_outcome")
    if len(note) > LONGEST:
        raise ClinicianRefused("note_long")
    return outcome, note or None


async def _flag(case: Case, given: str) -> Flag:
    id = number(given)
    if id is None:
        raise ClinicianRefused("unknown")
    flag, _ = await alert_to_act_on(case.tx, case.seat, id, case.now)
    if flag.chat_id != case.chat.id and flag.patient_id not in {patient.id for patient in case.patients}:
        raise AccessRefused(f"flag {id}")
    return flag


ROUTES = (
    acting("/say", _say),
    acting("/take", _take),
    acting("/back", _back),
    acting("/end", _end),
    acting("/from-wecom", _from_wecom),
    acting("/in-wecom", _in_wecom),
    acting("/withdraw", _withdraw),
    acting("/note", _note),
    acting("/article", _article),
    acting("/questionnaire", _questionnaire),
    acting("/alert/take", _take_flag),
    acting("/alert/close", _close_flag),
)
