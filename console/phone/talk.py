"""Speaking with a family from the phone: the inbox's talk in a frame for phones, and the numbers at which it can be rung."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.alerts import access_alert
from console.desk import DESK, SEAT, Seat
from console.inbox.view import open_chat, talk_of
from console.page import get, render
from console.phone.home import HOME
from records.chat import Chat, latest_chat
from records.chat_desk import access_chat
from records.patient import AccessRefused, Carer, Patient, PatientCarer, access_patient, note_reads, primary_carer

# What the read audit says of who looked up a family's numbers.
CALL = "call"


@dataclass(frozen=True)
class Number:
    """A telephone number of a family; `whom` is who answers there, None where the hospital only has the number."""

    number: str
    whom: str | None


async def show(request: web.Request) -> web.StreamResponse:
    """The talk, with all that can be done in it: what is done there goes through the inbox's own addresses."""
    async with request.app[DESK].db.transaction() as tx:
        chat, patients = await open_chat(tx, request)
        talk = await talk_of(tx, request, chat, patients)
    return render(request, "console/phone/talk.html", **talk)


async def talk_with(
    tx: AsyncSession, seat: Seat, chat: Chat | None, patient: Patient | None, now: datetime, why: str
) -> tuple[Chat | None, list[Patient]]:
    """The chat in which a family can be written to, and which of its children the reader follows: `chat` when it is given, else that in
    which the patient's carer wrote last. None where there is none that the reader may see."""
    if chat is None and patient is not None and (carer := await primary_carer(tx, patient.id)) is not None:
        chat = await latest_chat(tx, carer.id)
    if chat is None:
        return None, []
    try:
        return await access_chat(tx, seat.staff, chat.id, now=now, why=why)
    except AccessRefused:
        # Her team has the alert, and another the family by now.
        return None, []


async def of_alert(request: web.Request) -> web.StreamResponse:
    """Whom to ring about an alert: who wrote, then the others of the child's family."""
    desk, seat, now = request.app[DESK], request[SEAT], request.app[DESK].clock()
    async with desk.db.transaction() as tx:
        flag, chat = await access_alert(tx, seat.staff, int(request.match_info["id"]), now=now, lock=False, lasting=True)
        patient = await tx.get(Patient, flag.patient_id) if flag.patient_id is not None else None
        talk, children = await talk_with(tx, seat, chat, patient, now, CALL)
        carer = await tx.get(Carer, talk.carer_id) if talk is not None and talk.carer_id is not None else None
        if patient is not None:
            await note_reads(tx, seat.staff, {patient.id}, why=CALL, now=now)
        numbers = await numbers_of(tx, [patient] if patient is not None else children, first=carer)
    return render(request, "console/phone/_numbers.html", numbers=numbers)


async def of_patient(request: web.Request) -> web.StreamResponse:
    """Whom to ring about a patient."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        patient = await access_patient(tx, seat.staff, int(request.match_info["id"]), now=desk.clock(), why=CALL)
        numbers = await numbers_of(tx, [patient])
    return render(request, "console/phone/_numbers.html", numbers=numbers)


async def numbers_of(tx: AsyncSession, patients: Iterable[Patient], first: Carer | None = None) -> list[Number]:
    """The numbers of these patients' carers, that of `first` before the others, and then what the hospital has on file."""
    patients = list(patients)
    of_them = (
        select(Carer, PatientCarer.relationship)
        .join(PatientCarer, PatientCarer.carer_id == Carer.id)
        .where(PatientCarer.patient_id.in_([patient.id for patient in patients]))
        .order_by(PatientCarer.primary.desc(), Carer.id)
    )
    carers = [(carer, f"{relationship} {carer.name}") for carer, relationship in (await tx.execute(of_them))]
    if first is not None:
        carers.sort(key=lambda each: each[0].id != first.id)
        carers = carers if carers and carers[0][0].id == first.id else [(first, first.name), *carers]
    known: dict[str, str | None] = {}
    for carer, whom in carers:
        if carer.phone:
            known.setdefault(carer.phone, whom)
    for patient in patients:
        for number in patient.phones:
            known.setdefault(number, None)
    return [Number(number, whom) for number, whom in known.items()]


ROUTES = (
    get(f"{HOME}/chats/{{chat:\\d{{1,18}}}}", show, "care.read"),
    get(f"{HOME}/alerts/{{id:\\d{{1,18}}}}/numbers", of_alert, "care.read"),
    get(f"{HOME}/patients/{{id:\\d{{1,18}}}}/numbers", of_patient, "care.read"),
)
