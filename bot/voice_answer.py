"""对 or 不对 below the words of a voice message: only then they count, and then as if they had been typed."""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import VOICE
from bot.picture_answer import NO, YES
from bot.reply import Reply
from bot.texts import say
from bot.voices import BUTTON, CONFIRMED, CONTEXT, DENIED, SHOWN, shown_back
from records.chat import Chat
from records.message import Inbound

_KEY = re.compile(rf"{BUTTON}(?P<message>\d{{1,18}})_(?P<say>yes|no)")
# 不对，是37.8, but not 不是很烧: what follows is said anew. Only the voice message was wrong, nothing that counted before.
_INSTEAD = re.compile(r"(?:(?:不对|不是|错了|听错了)的?[，,。.！!\s]+|不对(?=是|应该))(?P<instead>\S.*)", re.S)
# So many of a chat's voice messages are looked at.
MOST = 10


@dataclass
class VoiceAnswer:
    """What becomes of the message that answered: it is answered with `reply`, or `taken` is taken in its place, as if `text` were typed
    against what the bot had said before (`context`). `about` is the voice message."""

    about: Inbound
    reply: Reply | None = None
    taken: Inbound | None = None
    text: str = ""
    context: str | None = None


async def answer_voice(tx: AsyncSession, chat: Chat, message: Inbound, last_words: str | None) -> VoiceAnswer | None:
    """Read a tap on a button of bot/voices.py, or what is typed right below it; None when it is about something else.

    A confirmed text is stored with the voice message.
    """
    typed, tapped = (message.text or "").strip(), _KEY.fullmatch(message.menu_id or "")
    instead = None
    if tapped:
        voice = await tx.get(Inbound, int(tapped["message"]), with_for_update=True, populate_existing=True)
        yes = tapped["say"] == "yes"
        if voice is None or voice.chat_id != chat.id or VOICE not in voice.outcome:
            return None
        if typed != say("family.voice.right" if yes else "family.voice.wrong"):
            # Words that are not the button's own are never taken for a tap.
            return None
    else:
        yes = bool(YES.fullmatch(typed))
        no = bool(NO.fullmatch(typed)) or typed == say("family.voice.wrong")
        instead = None if yes or no else _INSTEAD.fullmatch(typed)
        if message.menu_id or not last_words or not (yes or no or instead):
            return None
        voice = await _shown_in(tx, chat, last_words)
        if voice is None:
            return None
    found = voice.outcome[VOICE]
    if found["state"] != SHOWN or "recalled_at" in voice.outcome:
        return VoiceAnswer(voice, Reply(say("family.voice.again")))
    context = voice.outcome.get(CONTEXT)
    if not yes:
        voice.outcome = {**voice.outcome, VOICE: {**found, "state": DENIED}}
        if instead:
            return VoiceAnswer(voice, taken=message, text=instead["instead"], context=context)
        return VoiceAnswer(voice, Reply(say("family.voice.denied")))
    voice.text = found["text"]
    voice.outcome = {**voice.outcome, VOICE: {name: value for name, value in found.items() if name != "text"} | {"state": CONFIRMED}}
    # Long after it was shown, the talk may have moved on to another question.
    fresh = last_words is not None and shown_back(voice.text) in last_words
    return VoiceAnswer(voice, taken=voice, text=voice.text, context=context if fresh else last_words)


async def _shown_in(tx: AsyncSession, chat: Chat, last_words: str) -> Inbound | None:
    """The voice message whose words were said back last."""
    shown = await tx.scalars(
        select(Inbound)
        .where(Inbound.chat_id == chat.id, Inbound.msgtype == "voice", Inbound.outcome[VOICE]["state"].astext == SHOWN)
        .order_by(Inbound.id.desc())
        .limit(MOST)
        .with_for_update()
    )
    return next((voice for voice in shown if shown_back(voice.outcome[VOICE]["text"]) in last_words), None)
