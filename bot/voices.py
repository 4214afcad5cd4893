"""Voice messages: recognised in a job, triaged at once, shown back, and taken as typed once the family says 对."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.around import Around, around
from bot.called import LANGUAGE, call_human
from bot.handover import hand_over
from bot.lines import deliver
from bot.media import VOICE, WAITING
from bot.pictures import whose
from bot.reply import Reply, merge
from bot.speak import in_chat
from bot.texts import say
from bot.triage_flag import escalate_raised, raise_triage
from integrations.speech.port import Heard, Recogniser, SpeechError
from plans.clarify_talk import interrupt
from records.chat import Chat, lock_chats
from records.database import Database
from records.message import Inbound
from tagging.foreign import is_foreign
from tagging.triage import reply_text

log = structlog.get_logger(__name__)

# In the outcome of a voice message, under VOICE, `state`: waiting → shown, unheard (the family is asked to type), silent (a person
# has the chat), recalled or old; shown → confirmed or denied.
SHOWN, UNHEARD, SILENT, RECALLED, OLD, CONFIRMED, DENIED = "shown", "unheard", "silent", "recalled", "old", "confirmed", "denied"
# Beside it: what the bot had asked before, against which a bare number is read, as it is for one that is typed.
CONTEXT = "voice_context"
# How often recognition is begun before it is given up, over killed workers; and how often in one go. A family waits for this.
MOST_TRIES, AT_ONCE = 3, 2
# A voice message from before is history that nobody waits for.
TOO_OLD = timedelta(days=1)
BUTTON = "voice_"
# How the formats begin that WeCom may hand out under a name that says nothing (wecom-api §3.4: AMR, or Silk on request).
_BEGINNINGS = ((b"#!AMR", "audio/amr"), (b"#!SILK", "audio/silk"), (b"\x02#!SILK", "audio/silk"))


class Voices:
    """Hears what MediaStore has fetched into `folder`. `recogniser` None is one that was taken away while messages waited for it.

    A text below `sure` (0–1) is not shown: the family is asked to type.
    """

    def __init__(
        self,
        db: Database,
        recogniser: Recogniser | None,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        folder: Path,
        *,
        emergency_phone: str,
        sure: float,
    ) -> None:
        self._db, self._recogniser, self._clock, self._zone = db, recogniser, clock, zone
        self._folder, self._emergency_phone, self._sure = folder, emergency_phone, sure

    async def hear(self, key: str) -> None:
        """Recognise the voice message `key` and say in its chat what was heard; its effects happen once."""
        async with self._db.transaction() as tx:
            message = await tx.get(Inbound, int(key), with_for_update=True)
            voice = message.outcome.get(VOICE) if message is not None else None
            if message is None or voice is None or voice["state"] != WAITING:
                return
            tries = int(voice.get("tries", 0)) + 1
            # Written before it is tried: a recording that brings its worker down must not do so for ever.
            message.outcome = {**message.outcome, VOICE: {**voice, "tries": tries}}
            if "recalled_at" in message.outcome or message.sent_at < self._clock() - TOO_OLD:
                state = RECALLED if "recalled_at" in message.outcome else OLD
                message.outcome = {**message.outcome, VOICE: {**voice, "state": state}}
                return
        heard, error = None, "gave_up"
        if tries <= MOST_TRIES:
            try:
                heard = await self._recognise(message.outcome.get("media", {}))
            except SpeechError as err:
                log.info("voice not recognised", message=message.id, code=err.code)
                error = err.code
        await self._tell(message.id, message.chat_id, heard, error)

    async def _recognise(self, media: dict[str, Any]) -> Heard:
        """Raises SpeechError. What may pass is tried again at once, except a time-out: the family waits."""
        if self._recogniser is None or "file" not in media:
            raise SpeechError("no_port" if self._recogniser is None else "no_file", permanent=True)
        try:
            audio = await asyncio.to_thread((self._folder / media["file"]).read_bytes)
        except OSError:
            raise SpeechError("no_file", permanent=True) from None
        kind = next((name for start, name in _BEGINNINGS if audio.startswith(start)), str(media.get("type") or "application/octet-stream"))
        return await _ask(self._recogniser, audio, kind, AT_ONCE)

    async def _tell(self, message_id: int, chat_id: int, heard: Heard | None, error: str) -> None:
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = (await lock_chats(tx, [chat_id]))[chat_id]
            message = await tx.get_one(Inbound, message_id, with_for_update=True, populate_existing=True)
            if message.outcome[VOICE]["state"] != WAITING:
                return
            if "recalled_at" in message.outcome:
                message.outcome = {**message.outcome, VOICE: {**message.outcome[VOICE], "state": RECALLED}}
                return
            known = (await around(tx, [chat], now))[chat_id]
            # Heard before its turn came: nothing has been said since.
            message.outcome = {CONTEXT: known.last_words, **message.outcome}
            phone = known.phone or self._emergency_phone
            replies: list[Reply] = []
            found: dict[str, Any] = {"state": UNHEARD, "error": error}
            if heard is not None and heard.text:
                found = {"state": SHOWN if heard.confidence >= self._sure else UNHEARD, "text": heard.text, "confidence": heard.confidence}
                # Danger counts even in words that are too uncertain to be shown: a false alarm costs less than silence.
                replies = await self._judge(tx, chat, message, known, heard.text, phone, now)
            elif heard is not None:
                found["error"] = "nobody_speaks"
            if chat.state != "bot":
                found["state"] = SILENT
            foreign = found["state"] == SHOWN and is_foreign(found["text"])
            if foreign:
                # Who does not speak Chinese is not asked in Chinese whether it was heard right.
                found["state"] = UNHEARD
                said = say("family.voice.said", what=found["text"])
                replies.append(
                    Reply(await call_human(tx, chat, said, LANGUAGE, now, zone=self._zone, emergency_phone=self._emergency_phone))
                )
            elif found["state"] == SHOWN:
                replies.append(Reply(shown_back(found["text"]), buttons(message.id)))
            else:
                replies.append(Reply(say("family.voice.unheard", phone=phone)))
            message.outcome = {**message.outcome, VOICE: {**message.outcome[VOICE], **found}}
            if chat.state == "bot":
                for number, body in enumerate(merge(replies), 1):
                    line = await in_chat(tx, chat, f"voice:{message.msgid}:{number}", body, purpose="reply", now=now)
                    await deliver(tx, [line])
            if foreign:
                await hand_over(tx, chat, key=f"handover:{message.msgid}", now=now)
            await escalate_raised(tx)

    async def _judge(
        self, tx: AsyncSession, chat: Chat, message: Inbound, known: Around, text: str, phone: str, now: datetime
    ) -> list[Reply]:
        """Raise the alert that does not wait for a 对, and say what to do at once. Less urgent findings wait, unless a person has the
        chat and nobody will be asked."""
        named = [patient for patient in known.patients if patient.name in text]
        patient = whose(chat, known.patients, named[0].name if len(named) == 1 else None)
        context = message.outcome[CONTEXT]
        triage = (await known.understand(tx, text, patient, context=context, now=message.sent_at, zone=self._zone)).triage
        urgent = triage.level in ("emergency", "urgent")
        if not triage.categories or not (urgent or (chat.state == "human" and triage.level != "routine")):
            return []
        await raise_triage(tx, chat, patient, triage, said=say("family.voice.said", what=text), now=now, voice="unconfirmed")
        if urgent and chat.state == "bot":
            await interrupt(tx, chat, "danger", now=now)
        return [Reply(reply_text(triage, notified=known.notified, phone=phone) or "")]


async def _ask(recogniser: Recogniser, audio: bytes, kind: str, times: int) -> Heard:
    try:
        return await recogniser.recognise(audio, kind)
    except SpeechError as err:
        if times <= 1 or err.permanent or err.code == "speech_timeout":
            raise
    return await _ask(recogniser, audio, kind, times - 1)


def shown_back(text: str) -> str:
    """The question whether the text is right."""
    return say("family.voice.asked", text=text)


def buttons(message_id: int) -> tuple[tuple[str, str], ...]:
    """对 and 不对，我打字."""
    return (f"{BUTTON}{message_id}_yes", say("family.voice.right")), (f"{BUTTON}{message_id}_no", say("family.voice.wrong"))
