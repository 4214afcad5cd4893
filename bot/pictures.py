"""Pictures that families send: read off the event loop, shown back, and counted once the family says they are right."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.around import Around, around
from bot.jobs import NORMAL
from bot.lines import deliver
from bot.ocr import OcrError
from bot.reply import Reply, merge
from bot.speak import in_chat
from bot.texts import say
from bot.triage_flag import escalate_raised, raise_triage
from plans.clock import at_hour
from records.chat import Chat, lock_chats
from records.database import Database
from records.flag import LEVELS
from records.message import Inbound
from records.patient import Patient
from tagging.picture.confirm import countable, in_words, judge, shown_back
from tagging.picture.reading import PictureValue
from tagging.triage import Triage, reply_text

log = structlog.get_logger(__name__)

# In a message's outcome: what was read, and what became of it: shown, confirmed, denied, nothing (to be read), old.
PICTURE = "picture"
# Beside it: how often reading was begun.
TRIES, MOST_TRIES = "picture_tries", 3
# A picture from before is history that nobody waits for.
OLD = timedelta(days=1)
# A report's values are those of its day, at this hour; nobody prints a better time in a form that can be trusted.
REPORT_HOUR = 8
QUOTE = 200
BUTTON = "picture_"


class Reader(Protocol):
    """What reads the pixels, as bot/ocr.py offers it."""

    async def read(self, file: Path) -> dict[str, Any]:
        """What the picture says. Raises OcrError."""
        ...


class Pictures:
    """Reads what MediaStore has fetched into `folder`."""

    def __init__(
        self, db: Database, reader: Reader, clock: Callable[[], datetime], zone: ZoneInfo, folder: Path, *, emergency_phone: str
    ) -> None:
        self._db, self._reader, self._clock, self._zone = db, reader, clock, zone
        self._folder, self._emergency_phone = folder, emergency_phone

    async def read(self, key: str) -> None:
        """Read the picture of message `key` and say in its chat what it shows; once, and what nobody can read is said too."""
        async with self._db.transaction() as tx:
            message = await tx.get(Inbound, int(key), with_for_update=True)
            if message is None or PICTURE in message.outcome or "media" not in message.outcome:
                return
            tries = int(message.outcome.get(TRIES, 0)) + 1
            # Written before it is tried: a picture that brings its worker down must not do so for ever.
            message.outcome = {**message.outcome, TRIES: tries}
        file = message.outcome["media"].get("file")
        found: dict[str, Any] = {"kind": "unknown", "values": [], "error": "no_file"}
        if message.sent_at < self._clock() - OLD:
            found = {"state": "old"}
        elif tries > MOST_TRIES:
            found["error"] = "gave_up"
        elif file is not None:
            try:
                found = await self._reader.read(self._folder / file)
            except OcrError as err:
                log.info("picture not read", message=message.id, code=err.code)
                found["error"] = err.code
        await self._tell(message.id, message.chat_id, found)

    async def _tell(self, message_id: int, chat_id: int, found: dict[str, Any]) -> None:
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = (await lock_chats(tx, [chat_id]))[chat_id]
            message = await tx.get_one(Inbound, message_id, with_for_update=True, populate_existing=True)
            if PICTURE in message.outcome:
                return
            values = values_of(found)
            state = found.get("state") or ("shown" if values else "nothing")
            message.outcome = {**message.outcome, PICTURE: {**found, "state": state}}
            if state == "old":
                return
            known = (await around(tx, [chat], now))[chat_id]
            patient = whose(chat, known.patients, found.get("person"))
            replies = [Reply(say("family.picture.nothing"))]
            if values:
                replies = await self._shown(tx, chat, message, known, patient, found, now)
            if chat.state == "bot":
                for number, body in enumerate(merge(replies), 1):
                    line = await in_chat(tx, chat, f"picture:{message.msgid}:{number}", body, purpose="reply", now=now)
                    await deliver(tx, [line], priority=NORMAL)
            await escalate_raised(tx)

    async def _shown(
        self, tx: AsyncSession, chat: Chat, message: Inbound, known: Around, patient: Patient | None, found: dict[str, Any], now: datetime
    ) -> list[Reply]:
        """The values for the family to confirm; before that, what to do at once if they are as bad as they look."""
        values = values_of(found)
        at = day_of(found, message, self._zone)
        triage = await judged(tx, values, known, patient, at=at, now=message.sent_at, zone=self._zone)
        replies = []
        if triage.level in ("emergency", "urgent"):
            await flag(tx, chat, patient, triage, values, now, confirmed=False)
            replies.append(Reply(reply_text(triage, notified=known.notified, phone=known.phone or self._emergency_phone) or ""))
        replies.append(Reply(shown_back(values)))
        names = [child.name for child in known.patients]
        if found.get("person") and names and found["person"] not in names:
            replies.append(Reply(say("family.picture.other_name", name=found["person"])))
        if not countable(values):
            return replies
        if not known.patients:
            return [*replies, Reply(say("family.picture.unbound"))]
        return [*replies, Reply("", buttons(message.id, known.patients, patient))]


def buttons(message_id: int, patients: Sequence[Patient], patient: Patient | None) -> tuple[tuple[str, str], ...]:
    """对 and 不对; a 对 for each child while it is open which one is meant."""
    no = (f"{BUTTON}{message_id}_no", say("family.picture.wrong"))
    if patient is not None:
        return (f"{BUTTON}{message_id}_yes_{patient.id}", say("family.picture.right")), no
    return *((f"{BUTTON}{message_id}_yes_{child.id}", say("family.picture.right_of", name=child.name)) for child in patients), no


def values_of(found: dict[str, Any]) -> list[PictureValue]:
    """The values as they were kept."""
    return [PictureValue(**{**value, "box": None}) for value in found.get("values", ())]


def day_of(found: dict[str, Any], message: Inbound, zone: ZoneInfo) -> datetime | None:
    """When the values of a report were measured; None for a device, and for a day that cannot be."""
    if not found.get("day"):
        return None
    at = at_hour(date.fromisoformat(found["day"]), REPORT_HOUR, zone)
    return min(at, message.sent_at) if at.date() <= message.sent_at.astimezone(zone).date() else None


def whose(chat: Chat, patients: Sequence[Patient], person: str | None = None) -> Patient | None:
    """The child whose picture it is: the one named on it, the only one, or the one the chat is about."""
    named = [patient for patient in patients if patient.name == person] or (list(patients) if len(patients) == 1 else [])
    if len(named) == 1:
        return named[0]
    return next((patient for patient in patients if patient.id == chat.patient_id), None)


async def judged(
    tx: AsyncSession,
    values: Sequence[PictureValue],
    known: Around,
    patient: Patient | None,
    *,
    at: datetime | None,
    now: datetime,
    zone: ZoneInfo,
) -> Triage:
    """How urgent the values are; where it is open which child is meant, the most careful judgement over all of them."""
    facts = await known.facts_in_question(tx, patient, now=now, zone=zone)
    found = [judge(values, patient=each, now=now.astimezone(zone), at=at) for each in facts]
    return max(found, key=lambda triage: LEVELS.index(triage.level))


async def flag(
    tx: AsyncSession, chat: Chat, patient: Patient | None, triage: Triage, values: Sequence[PictureValue], now: datetime, *, confirmed: bool
) -> None:
    """Raise the alert for values in a picture, saying whether the family has confirmed them."""
    what = say("family.picture.and").join(in_words(value) for value in values if value.vital)
    said = say("family.picture.said_confirmed" if confirmed else "family.picture.said", what=what)
    mark = "confirmed" if confirmed else "unconfirmed"
    await raise_triage(tx, chat, patient, triage, said=said, now=now, picture=mark)
