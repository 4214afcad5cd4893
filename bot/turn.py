"""One message of a family: understood, triaged, and answered by the dialogue if the bot is in charge."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import DateTime, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.turn import Turn
from bot import metrics
from bot.reply import Reply, plain_text
from bot.texts import reasons, said_or, say
from plans.finding import patient_facts
from plans.follow_up import report
from records.care_plan import Task
from records.chat import Chat
from records.database import is_lost_connection
from records.flag import LEVELS, raise_flag
from records.message import Inbound, Outbound
from records.patient import Patient, patients_of
from records.staff import Team, someone_on_call
from tagging.patient import PatientFacts
from tagging.triage import Triage, reply_text, triage_text
from tagging.understanding import Understanding, understand

log = structlog.get_logger(__name__)

# The dialogue reads this much of a message; triage reads all of it.
DIALOGUE_CHARACTERS = 500
QUOTE = 200
# In a message's outcome: its alert was raised before its turn came.
TRIAGED = "triaged_ahead"


# What a turn has to know of its surroundings, in one round trip: the team's phone, whether a clinician is on call, and the last
# thing the bot said here, because a bare number or 没有 is read against it.
_AROUND = select(
    Team.phone,
    someone_on_call(Team.id, tier=1, now=bindparam("now", type_=DateTime(timezone=True))).label("notified"),
    select(Outbound.payload)
    .where(Outbound.chat_id == bindparam("chat"), Outbound.route == "kf", Outbound.state != "withdrawn")
    .order_by(Outbound.seq.desc())
    .limit(1)
    .scalar_subquery()
    .label("last_words"),
).where(Team.id == bindparam("team"))


class Talker(Protocol):
    """The dialogue, as bot/dialogue/agent.py offers it."""

    async def turn(self, turn: Turn) -> list[Any]:
        """What to say to `turn.text`, as objects with `text` and `buttons`; state is saved in `turn.tx`."""
        ...

    async def begin_follow_up(self, tx: AsyncSession, chat: Chat, task: Task, question: Any, now: datetime) -> None:
        """Cut the conversation: a fresh one that waits for the answer to `task`, saved in `tx`."""
        ...

    def forget(self, chat_id: int) -> None:
        """Drop what is held in memory about the chat."""
        ...


@dataclass
class Answer:
    """What became of one message. `outcome` is kept with it: triage level, categories, how it was answered."""

    replies: list[Reply] = field(default_factory=list)
    wants_human: str | None = None
    outcome: dict[str, Any] = field(default_factory=dict)


class NotReady(Exception):
    """The dialogue is still loading: an ordinary message waits for it, and nothing of its turn is kept."""

    code, permanent = "dialogue_loading", False


class TurnTaker:
    """Takes turns. `talker` is None while the model is `loading`, or broken: triage, and a person, then do without it."""

    def __init__(self, talker: Talker | None, zone: ZoneInfo, *, emergency_phone: str) -> None:
        self.talker, self._zone, self._emergency_phone = talker, zone, emergency_phone
        self.loading = False

    def forget(self, chat_id: int) -> None:
        """Drop the dialogue's memory of a chat whose transaction failed."""
        if self.talker is not None:
            self.talker.forget(chat_id)

    async def take(self, tx: AsyncSession, chat: Chat, message: Inbound, now: datetime) -> Answer:
        """Handle one customer's message inside `tx`: observations, alerts and dialogue state are written, replies returned.

        Raises NotReady for a message that needs the dialogue while it is loading.
        """
        around = (await tx.execute(_AROUND, {"chat": chat.id, "team": chat.team_id, "now": now})).one()
        phone, notified = around.phone or self._emergency_phone, around.notified
        if message.msgtype != "text" or not (message.text or "").strip():
            kind = message.msgtype if message.msgtype != "text" else "unknown"
            text = said_or(f"family.not_text.{kind}", say("family.not_text.unknown"), phone=phone)
            return Answer([Reply(text)], outcome={"answer": "not_text", "msgtype": message.msgtype})
        text = message.text or ""
        patients = await patients_of(tx, chat.carer_id) if chat.carer_id is not None else []
        patient = _whom(chat, patients, text)
        context = plain_text(around.last_words) if around.last_words else None
        understood, triage = await self._judge(tx, text, context, patients, patient, message.sent_at)
        if TRIAGED not in message.outcome:
            await self._alert(tx, chat, patient, triage, text, now)
        answer = Answer(outcome={"triage": triage.level, "categories": list(triage.categories)})
        if chat.state == "human":
            answer.outcome["answer"] = "human_owns"
            return answer
        turn = Turn(
            tx=tx,
            chat=chat,
            patients=patients,
            patient=patient,
            message=message,
            text=text[:DIALOGUE_CHARACTERS],
            understanding=understood,
            triage=triage,
            now=now,
            zone=self._zone,
            notified=notified,
            phone=phone,
        )
        triage_reply = reply_text(triage, notified=notified, phone=phone)
        if triage.level in ("emergency", "urgent") and triage_reply:
            # Act first: no dialogue, no further question; what was measured is still written down.
            answer.replies = [Reply(triage_reply)]
            if patient is not None:
                told = await report(tx, patient, understood, message_id=message.id, text=text, now=now, zone=self._zone, level=triage.level)
                # A doubtful number must be asked back even now, for whoever takes the alert.
                answer.replies.append(Reply(told.ask_back if told.understood and told.ask_back else ""))
            if patient is None and len(patients) > 1 and not self.loading:
                # The words are kept by the dialogue until it is known which child they are about; then they are judged again.
                answer.replies += [reply for reply in await self._talk(turn, answer) if _asks_which(reply)]
            answer.outcome["answer"] = "triage"
            return answer
        answer.replies = await self._talk(turn, answer)
        if triage_reply and triage.level == "same_day":
            answer.replies.append(Reply(triage_reply))
        answer.wants_human = turn.wants_human
        return answer

    async def triage_ahead(self, tx: AsyncSession, chat: Chat, message: Inbound, now: datetime) -> None:
        """Judge a message that has to wait for the dialogue, and raise its alert now; once for each message."""
        text = (message.text or "").strip()
        if message.msgtype != "text" or not text or TRIAGED in message.outcome:
            return
        around = (await tx.execute(_AROUND, {"chat": chat.id, "team": chat.team_id, "now": now})).one()
        patients = await patients_of(tx, chat.carer_id) if chat.carer_id is not None else []
        patient = _whom(chat, patients, text)
        context = plain_text(around.last_words) if around.last_words else None
        _, triage = await self._judge(tx, text, context, patients, patient, message.sent_at)
        await self._alert(tx, chat, patient, triage, text, now)
        message.outcome = {**message.outcome, TRIAGED: now.isoformat()}

    async def _judge(
        self, tx: AsyncSession, text: str, context: str | None, patients: list[Patient], patient: Patient | None, now: datetime
    ) -> tuple[Understanding, Triage]:
        """Understanding and triage; where it is open which child is meant, the most careful judgement over all of them."""
        candidates: list[Patient | None] = [patient] if patient is not None else [*patients] or [None]
        judged = []
        for candidate in candidates:
            facts = await patient_facts(tx, candidate, now=now, zone=self._zone) if candidate is not None else PatientFacts(age_days=None)
            judged.append((facts, triage_text(text, context=context, patient=facts, now=now)))
        facts, triage = max(judged, key=lambda pair: LEVELS.index(pair[1].level))
        return understand(text, context=context, patient=facts, now=now), triage

    async def _alert(self, tx: AsyncSession, chat: Chat, patient: Patient | None, triage: Triage, text: str, now: datetime) -> None:
        if triage.level == "routine" or not triage.categories:
            return
        await raise_flag(
            tx,
            chat,
            level=triage.level,
            categories=list(triage.categories),
            said=text[:QUOTE],
            because=reasons([evidence.because for evidence in triage.evidence])[:QUOTE],
            evidence=[asdict(evidence) for evidence in triage.evidence],
            now=now,
            patient_id=patient.id if patient is not None else None,
        )
        metrics.FLAGS.labels(triage.level).inc()

    async def _talk(self, turn: Turn, answer: Answer) -> list[Reply]:
        """The dialogue's words; a person is called when there is no dialogue."""
        if self.talker is None:
            if self.loading:
                raise NotReady
            return await self._without_dialogue(turn, answer, "loading")
        try:
            said = await self.talker.turn(turn)
        except Exception as err:
            # The turn's own savepoint is rolled back; a transaction that is lost with it cannot go on.
            if is_lost_connection(err) or not turn.tx.is_active or not getattr(err, "permanent", True):
                raise
            log.error("dialogue failed", chat=turn.chat.id, error=type(err).__name__)
            self.talker.forget(turn.chat.id)
            return await self._without_dialogue(turn, answer, type(err).__name__)
        answer.outcome["answer"] = "dialogue"
        return [Reply(each.text or "", tuple(each.buttons)) for each in said]

    async def _without_dialogue(self, turn: Turn, answer: Answer, why: str) -> list[Reply]:
        await raise_flag(
            turn.tx,
            turn.chat,
            level="same_day",
            categories=["dialogue_down"],
            said=turn.text[:QUOTE],
            because=why,
            evidence=[{"rule": "dialogue_down", "version": 1, "because": why}],
            now=turn.now,
            by="system",
        )
        answer.outcome["answer"] = "trouble"
        key = "family.trouble" if turn.notified else "family.trouble_nobody"
        return [Reply(say(key, phone=turn.phone, emergency=self._emergency_phone))]


def _asks_which(reply: Reply) -> bool:
    return any(key.startswith("patient") for key, _ in reply.buttons)


def _whom(chat: Chat, patients: list[Patient], text: str) -> Patient | None:
    """The child that is meant: the only one, the one named, or the one the chat is about."""
    named = patients if len(patients) == 1 else [patient for patient in patients if patient.name in text]
    if len(named) == 1:
        chat.patient_id = named[0].id
    return next((patient for patient in patients if patient.id == chat.patient_id), None)
