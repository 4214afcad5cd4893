"""What a turn has to know of its surroundings, read for many chats at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, DateTime, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import plain_text
from plans.finding import History, department_of, facts_with, history_of, patient_facts
from plans.working_hours import Hours, hours_from
from records.chat import Chat
from records.flag import LEVELS
from records.message import Outbound
from records.patient import Patient, patients_by_carer
from records.staff import Team, someone_on_call
from records.working_hours import WorkingHours
from tagging.patient import PatientFacts
from tagging.understanding import Understanding, understand

_AROUND = (
    select(
        Chat.id,
        Team.phone,
        WorkingHours.week,
        WorkingHours.days,
        someone_on_call(Team.id, tier=1, now=bindparam("now", type_=DateTime(timezone=True))).label("notified"),
        select(Outbound.payload)
        .where(Outbound.chat_id == Chat.id, Outbound.route == "kf", Outbound.state != "withdrawn")
        .order_by(Outbound.seq.desc())
        .limit(1)
        .correlate(Chat)
        .scalar_subquery()
        .label("last_words"),
    )
    .join(Team, Team.id == Chat.team_id)
    .outerjoin(WorkingHours, WorkingHours.team_id == Chat.team_id)
    .where(Chat.id == any_(bindparam("chats", type_=ARRAY(BigInteger))))
)


@dataclass
class Around:
    """The team's phone and hours (None: around the clock), whether a clinician is on call, the last thing the bot said here (a bare number
    or 没有 is read against it), and the carer's patients, the youngest first."""

    phone: str | None
    notified: bool
    last_words: str | None
    patients: list[Patient]
    hours: Hours | None = None
    _history: dict[int, History] = field(default_factory=dict)

    async def facts(self, tx: AsyncSession, patient: Patient, *, now: datetime, zone: ZoneInfo) -> PatientFacts:
        """What triage may know of `patient`, with his latest numbers, those of this transaction among them."""
        history = self._history.get(patient.id)
        if history is None:
            return await patient_facts(tx, patient, now=now, zone=zone)
        return facts_with(patient, history, now=now, zone=zone, department=await department_of(tx, patient))

    async def facts_in_question(self, tx: AsyncSession, patient: Patient | None, *, now: datetime, zone: ZoneInfo) -> list[PatientFacts]:
        """The facts of `patient`, or of all while it is open which child is meant; of nobody in particular when there is none.

        What is judged with each of them, the most careful judgement counts.
        """
        in_question = [patient] if patient is not None else self.patients
        return [await self.facts(tx, each, now=now, zone=zone) for each in in_question] or [PatientFacts(age_days=None)]

    async def understand(
        self, tx: AsyncSession, text: str, patient: Patient | None, *, context: str | None, now: datetime, zone: ZoneInfo
    ) -> Understanding:
        """Understanding and triage of `text`, said at `now`; where it is open which child is meant, the most careful judgement."""
        facts = await self.facts_in_question(tx, patient, now=now, zone=zone)
        read = [understand(text, context=context, patient=each, now=now) for each in facts]
        return max(read, key=lambda each: LEVELS.index(each.triage.level))

    def outdated(self) -> None:
        """A message has been handled: what it told is read anew for the next, in whichever chat that is."""
        for patient in self.patients:
            self._history.pop(patient.id, None)


async def around(tx: AsyncSession, chats: Iterable[Chat], now: datetime) -> dict[int, Around]:
    """The surroundings of these chats, by id, in three round trips for all."""
    by_id = {chat.id: chat for chat in chats}
    rows = (await tx.execute(_AROUND, {"chats": list(by_id), "now": now})).all() if by_id else []
    carers = {chat.carer_id for chat in by_id.values() if chat.carer_id is not None}
    patients = await patients_by_carer(tx, list(carers)) if carers else {}
    everybody = {patient.id for those in patients.values() for patient in those}
    told = await history_of(tx, list(everybody)) if everybody else {}
    history = {patient_id: told.get(patient_id, ()) for patient_id in everybody}
    found = {}
    for row in rows:
        carer_id = by_id[row.id].carer_id
        mine = patients.get(carer_id, []) if carer_id is not None else []
        last = plain_text(row.last_words) if row.last_words else None
        found[row.id] = Around(row.phone, row.notified, last, mine, hours_from(row.week, row.days), history)
    return found
