"""One message of a family: understood, triaged, and answered by the dialogue if the bot is in charge."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from actions.turn import Turn
from bot.around import Around
from bot.called import LANGUAGE
from bot.danger import keep_in_danger
from bot.limiter import Limiter
from bot.media import VOICE, WAITING
from bot.my_page import answer_my_page
from bot.picture_answer import answer_picture
from bot.rating import answer_rating
from bot.reply import Reply
from bot.task_tap import answer_task_tap
from bot.texts import said_or, say
from bot.tracing import span
from bot.triage_flag import raise_triage
from bot.voice_answer import answer_voice
from bot.voices import CONTEXT
from bot.without_dialogue import plainly
from plans.alert import raise_alerts
from plans.clarify_talk import interrupt
from plans.told import note_told
from records.chat import Chat
from records.database import is_lost_connection
from records.flag import raise_flag
from records.message import Inbound
from records.patient import Patient
from tagging.foreign import is_foreign
from tagging.triage import WHO, reply_text
from tagging.understanding import Understanding

log = structlog.get_logger(__name__)

# The dialogue reads this much of a message; triage reads all of it.
DIALOGUE_CHARACTERS = 500
QUOTE = 200
# Turns of dialogue that one chat takes in a minute, in this process: no thumb writes so fast. What is more is stored and judged all the
# same, and a person is asked to look; only the dialogue, which costs most, does without it.
MOST_TURNS = 120
# In a message's outcome: its alert was raised before its turn came.
TRIAGED = "triaged_ahead"
# An item of a questionnaire, as plans/wording.yml numbers it, and a bare number in answer to one.
ITEM, NUMBER = re.compile(r"^（\d+/\d+）", re.M), re.compile(r"\d{1,3}分?")


class Talker(Protocol):
    """The dialogue, as bot/dialogue/agent.py offers it."""

    async def turn(self, turn: Turn) -> list[Any]:
        """What to say to `turn.text`, as objects with `text` and `buttons`; the conversation waits for `save`."""
        ...

    async def prepare(self, tx: AsyncSession, chat_ids: Sequence[int]) -> None:
        """Read the conversations of these chats, which turns in `tx` are about to need, in one go."""
        ...

    async def save(self, tx: AsyncSession) -> None:
        """Write the conversations that turns in `tx` have changed."""
        ...

    async def begin_follow_ups(self, tx: AsyncSession, begun: Sequence[tuple[Chat, str]], now: datetime) -> None:
        """Cut these conversations, saved in `tx`: fresh ones that wait for the answer to a `follow_up` or a `questionnaire`."""
        ...

    def forget(self, chat_id: int) -> None:
        """Drop what is held in memory about the chat."""
        ...


@dataclass
class Answer:
    """What became of one message. `outcome` is kept with it: triage level, categories, how it was answered, and as what it was read."""

    replies: list[Reply] = field(default_factory=list)
    wants_human: str | None = None
    outcome: dict[str, Any] = field(default_factory=dict)


class NotReady(Exception):
    """The dialogue is still loading: an ordinary message waits for it, and nothing of its turn is kept."""

    code, permanent = "dialogue_loading", False


class DialogueFailed(Exception):
    """The dialogue broke in a turn. Nothing of the transaction may be kept; the message is to be taken again without dialogue."""

    code, permanent = "dialogue_failed", True

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class TurnTaker:
    """Takes turns. `talker` is None while the model is `loading`, or broken: triage, and a person, then do without it.

    `hears` says that voice messages are recognised; `pages` is where families' phones find our pages. `limiter` says how many turns
    of dialogue a chat takes, by its number; None: as many as it likes.
    """

    def __init__(self, talker: Talker | None, zone: ZoneInfo, *, emergency_phone: str, hears: bool = False, pages: str = "") -> None:
        self.limiter: Limiter | None = None
        self.talker, self._zone, self._emergency_phone, self._hears, self._pages = talker, zone, emergency_phone, hears, pages
        self.loading = False

    def forget(self, chat_id: int) -> None:
        """Drop the dialogue's memory of a chat whose transaction failed."""
        if self.talker is not None:
            self.talker.forget(chat_id)

    async def prepare(self, tx: AsyncSession, chats: Sequence[Chat]) -> None:
        """Read at once what the turns of these chats will need of the dialogue."""
        if self.talker is not None:
            await self.talker.prepare(tx, [chat.id for chat in chats if chat.state == "bot"])

    async def save(self, tx: AsyncSession) -> None:
        """Write what the turns in `tx` have changed of the dialogue. Raises ConversationMoved."""
        if self.talker is not None:
            await self.talker.save(tx)

    async def take(
        self, tx: AsyncSession, chat: Chat, message: Inbound, around: Around, now: datetime, *, without_dialogue: str | None = None
    ) -> Answer:
        """Handle one customer's message inside `tx`: observations and alerts are written, replies returned.

        Raises NotReady for a message that needs the dialogue while it is loading, and DialogueFailed when the dialogue breaks; the
        message is then taken again with `without_dialogue` saying why.
        """
        phone = around.phone or self._emergency_phone
        if message.msgtype != "text" or not (message.text or "").strip():
            return self._not_text(message, around, phone)
        about_picture = await answer_picture(tx, chat, message, around, now=now, zone=self._zone, emergency_phone=self._emergency_phone)
        if about_picture is not None:
            return Answer(about_picture.replies, outcome=about_picture.outcome)
        rated = await answer_rating(tx, chat, message, now)
        if rated is not None:
            return Answer([rated], outcome={"answer": "rating"})
        page = await answer_my_page(tx, chat, message, around.patients, now, self._pages)
        if page is not None:
            return Answer([page], outcome={"answer": "my_page"})
        reminded = await answer_task_tap(tx, chat, message, around.patients, now)
        if reminded is not None:
            return Answer([reminded], outcome={"answer": "reminder"})
        text = said = message.text or ""
        about_voice = await answer_voice(tx, chat, message, around.last_words)
        if about_voice is not None:
            if about_voice.taken is None:
                return Answer([about_voice.reply] if about_voice.reply else [], outcome={"answer": VOICE, VOICE: about_voice.about.id})
            if about_voice.taken is not message:
                said = say("family.voice.said_confirmed", what=about_voice.text)
            message, text = about_voice.taken, about_voice.text
            around = replace(around, last_words=about_voice.context)
        patient = _whom(chat, around.patients, text)
        # Where no dialogue hears a questionnaire's answer, triage reads it with the item that was asked.
        heard = chat.state == "bot" and self.talker is not None and without_dialogue is None
        alone = heard and _answers_item(message.menu_id, text, around.last_words)
        context = None if alone else around.last_words
        with span("triage"):
            understood = await around.understand(tx, text, patient, context=context, now=message.sent_at, zone=self._zone)
        triage = understood.triage
        if TRIAGED not in message.outcome:
            await self._alert(tx, chat, patient, understood, said, now)
        if patient is not None and not message.menu_id and _surely(chat, around.patients, text):
            answers = chat.task_id is not None
            await note_told(tx, patient, text, understood.medicines, message_id=message.id, answers=answers, at=message.sent_at)
        answer = Answer(outcome={"triage": triage.level, "categories": list(triage.categories)})
        if about_voice is not None:
            answer.outcome[VOICE] = about_voice.about.id
        if chat.state == "human":
            answer.outcome["answer"] = "human_owns"
            return answer
        turn = Turn(
            tx=tx,
            chat=chat,
            patients=around.patients,
            patient=patient,
            message=message,
            text=text[:DIALOGUE_CHARACTERS],
            understanding=understood,
            triage=triage,
            now=now,
            zone=self._zone,
            notified=around.notified,
            phone=phone,
            opens=around.hours.rests_until(now, self._zone) if around.hours is not None else None,
        )
        triage_reply = reply_text(triage, notified=around.notified, phone=phone)
        if not message.menu_id and is_foreign(text):
            # What it says of the call is chosen where the call is made. A value in such words is nobody's until somebody has read them.
            answer.replies = [Reply(triage_reply or "")]
            answer.wants_human, answer.outcome["answer"] = LANGUAGE, LANGUAGE
        elif triage.level in ("emergency", "urgent") and triage_reply:
            # Act first: no dialogue, no further question; what was measured is still written down.
            await interrupt(tx, chat, "danger", now=now)
            answer.replies = [Reply(triage_reply)]
            if patient is not None:
                told = await keep_in_danger(tx, chat, patient, understood, message, text, now=now, zone=self._zone)
                if told.alert is not None:
                    # What the plan's rules say beside triage; the family has been told what to do first.
                    await raise_alerts(tx, chat, (told.alert, *told.others), said=said, patient_id=patient.id, now=now)
                # A doubtful number must be asked back even now, for whoever takes the alert.
                answer.replies.append(Reply(told.ask_back if told.understood and told.ask_back else ""))
            if patient is None and len(around.patients) > 1 and not self.loading:
                # The words are kept by the dialogue until it is known which child they are about; then they are judged again.
                answer.replies += [reply for reply in await self._talk(turn, answer, without_dialogue) if _asks_which(reply)]
            answer.outcome["answer"] = "triage"
        else:
            answer.replies = await self._talk(turn, answer, without_dialogue)
            if triage_reply and (triage.level == "same_day" or triage.variant == WHO):
                # What is to be done stands before a question that the turn ends with.
                answer.replies.insert(len(answer.replies) - turn.asks, Reply(triage_reply))
            answer.wants_human = turn.wants_human
        around.outdated()
        return answer

    async def triage_ahead(self, tx: AsyncSession, chat: Chat, message: Inbound, around: Around, now: datetime) -> None:
        """Judge a message that has to wait for the dialogue, and raise its alert now; once for each message."""
        text = (message.text or "").strip()
        if message.msgtype != "text" or not text or TRIAGED in message.outcome:
            return
        patient = _whom(chat, around.patients, text)
        context = around.last_words
        understood = await around.understand(tx, text, patient, context=context, now=message.sent_at, zone=self._zone)
        await self._alert(tx, chat, patient, understood, text, now)
        message.outcome = {**message.outcome, TRIAGED: now.isoformat()}

    def _not_text(self, message: Inbound, around: Around, phone: str) -> Answer:
        """What is said of a message that is not text; nothing of a voice message that has been heard already."""
        kind = message.msgtype if message.msgtype != "text" else "unknown"
        outcome: dict[str, Any] = {"answer": "not_text", "msgtype": message.msgtype}
        if kind == "voice" and self._hears:
            if message.outcome.get(VOICE, {}).get("state", WAITING) != WAITING:
                return Answer(outcome=outcome)
            outcome[CONTEXT] = around.last_words
            kind = "voice_heard"
        text = said_or(f"family.not_text.{kind}", say("family.not_text.unknown"), phone=phone)
        return Answer([Reply(text)], outcome=outcome)

    async def _alert(
        self, tx: AsyncSession, chat: Chat, patient: Patient | None, understood: Understanding, text: str, now: datetime
    ) -> None:
        triage = understood.triage
        if triage.level == "routine" or not triage.categories:
            return
        await raise_triage(tx, chat, patient, triage, said=text, now=now)

    async def _talk(self, turn: Turn, answer: Answer, without: str | None) -> list[Reply]:
        """The dialogue's words; a person is called when there is no dialogue."""
        if without is not None:
            return await self._without_dialogue(turn, answer, without)
        if self.talker is None:
            if self.loading:
                raise NotReady
            return await self._without_dialogue(turn, answer, "loading")
        # By when it was written: what waited while WeCom was away is no flood.
        written = turn.message.sent_at if turn.message is not None else turn.now
        if self.limiter is not None and not self.limiter.may(str(turn.chat.id), written):
            return await self._set_aside(turn, answer, "too_many", f"{MOST_TURNS}/min", "too_many")
        try:
            said = await self.talker.turn(turn)
        except Exception as err:
            if is_lost_connection(err) or not getattr(err, "permanent", True):
                raise
            log.error("dialogue failed", chat=turn.chat.id, error=type(err).__name__)
            raise DialogueFailed(type(err).__name__) from err
        answer.outcome |= {"answer": "dialogue", "read": turn.read}
        return [Reply(each.text or "", tuple(each.buttons)) for each in said]

    async def _without_dialogue(self, turn: Turn, answer: Answer, why: str) -> list[Reply]:
        return await self._set_aside(turn, answer, "dialogue_down", why, "trouble")

    async def _set_aside(self, turn: Turn, answer: Answer, category: str, why: str, said: str) -> list[Reply]:
        """What can be done without dialogue; for the rest a person is asked to look, and the family is told (`family.<said>`)."""
        if (plain := await plainly(turn)) is not None:
            answer.outcome["answer"] = "plain"
            return plain
        await raise_flag(
            turn.tx,
            turn.chat,
            level="same_day",
            categories=[category],
            said=turn.text[:QUOTE],
            because=why,
            evidence=[{"rule": category, "version": 1, "because": why}],
            now=turn.now,
            by="system",
        )
        answer.outcome["answer"] = said
        key = f"family.{said}" if turn.notified else f"family.{said}_nobody"
        return [Reply(say(key, phone=turn.phone, emergency=self._emergency_phone))]


def _asks_which(reply: Reply) -> bool:
    return any(key.startswith("patient") for key, _ in reply.buttons)


def _answers_item(menu_id: str | None, said: str, last_words: str | None) -> bool:
    """Whether a choice or a number answers an item: the questionnaire's own alarms judge it, and an answer must not get lost to triage."""
    text = said.strip()
    if (menu_id or "").startswith("item_"):
        return True
    return last_words is not None and bool(ITEM.search(last_words)) and (text in last_words.splitlines() or bool(NUMBER.fullmatch(text)))


def _whom(chat: Chat, patients: list[Patient], text: str) -> Patient | None:
    """The child that is meant: the only one, the one named, or the one the chat is about."""
    named = patients if len(patients) == 1 else [patient for patient in patients if patient.name in text]
    if len(named) == 1:
        chat.patient_id = named[0].id
    return next((patient for patient in patients if patient.id == chat.patient_id), None)


def _surely(chat: Chat, patients: list[Patient], text: str) -> bool:
    """Whether it is certain which child the message is about: what stays in a record must not be guessed."""
    return len(patients) == 1 or sum(patient.name in text for patient in patients) == 1 or chat.task_id is not None
