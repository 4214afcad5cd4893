"""What a round says to its families: the words of an opening, a reminder or a welcome, as rows of the outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import Reply, merge
from bot.welcome import Welcome
from plans.bundle import Piece, Words, first_of, opening_words, question_of, reminder_words
from plans.lesson import tell_lesson
from plans.questionnaire_task import begin_for
from records.chat import Chat

EDUCATION, QUESTIONNAIRE = "education", "questionnaire"


class FamilySpeech:
    """Gathers what is said in one transaction: `rows` of the outbox, and the conversations that have `begun`, with their kind."""

    def __init__(self, tx: AsyncSession, now: datetime) -> None:
        self._tx, self._now = tx, now
        self.rows: list[dict[str, Any]] = []
        self.begun: list[tuple[Chat, str]] = []

    async def lessons(self, chat: Chat, bundle: Sequence[Piece]) -> dict[int, Words]:
        """The articles of the bundle's lessons, by follow-up, written down as read; empty words where nothing is published."""
        return {piece.task.id: await tell_lesson(self._tx, piece, chat, self._now) for piece in bundle if piece.step.kind == EDUCATION}

    async def say(
        self,
        chat: Chat,
        key: str,
        bundle: Sequence[Piece],
        lessons: Mapping[int, Words],
        *,
        purpose: str,
        useful_until: datetime | None,
        reminds: bool = False,
        around: str | None = None,
        welcome: Welcome | None = None,
    ) -> None:
        """Open everything of `bundle` in `chat`, or remind of it; `around` are chosen words around a single question, `welcome` the code
        of the family's coming."""
        current = chat.task_id
        first = await self._first(chat, bundle)
        said = reminder_words(bundle, first, current=current) if reminds else opening_words(bundle, first, current=current, around=around)
        replies = [Reply(said.text, said.buttons)] if said.text else []
        replies += [Reply(lesson.text, lesson.buttons if len(bundle) == 1 else ()) for lesson in lessons.values()]
        for number, body in enumerate(merge(replies), 1):
            greets = welcome if number == 1 else None
            self.rows.append(
                {
                    "key": key if number == 1 else f"{key}:{number}",
                    "line": f"chat:{chat.id}",
                    "route": "kf" if greets is None else "kf_event",
                    "payload": body if greets is None else {"code": greets.code, **body},
                    "purpose": purpose,
                    "chat_id": chat.id,
                    "not_before": self._now,
                    "useful_until": useful_until if greets is None else greets.until,
                    "created_at": self._now,
                }
            )

    async def _first(self, chat: Chat, bundle: Sequence[Piece]) -> Words | None:
        """Turn the chat to the first conversation of the bundle; the words that ask its question."""
        first = first_of(bundle, chat.task_id)
        if first is None:
            return None
        asks = first.step.kind != QUESTIONNAIRE
        words = question_of(first) if asks else await begin_for(self._tx, first, chat, self._now)
        chat.task_id, chat.patient_id = first.task.id, first.patient.id
        self.begun.append((chat, "follow_up" if asks else QUESTIONNAIRE))
        return words
