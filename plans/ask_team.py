"""A question that the assistant leaves to the team: a row, and the alert that brings it to a clinician."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.wording import say
from plans.working_hours import when_text
from records.chat import Chat
from records.flag import raise_flag
from records.question import QUESTION, QuestionToTeam, questions_of
from records.state import created

# As much of the waiting questions as a card shows.
SHOWN = 200


def resting_text(about: str, opens: datetime, *, now: datetime, zone: ZoneInfo, notified: bool, phone: str | None) -> str:
    """What the family hears when its question, or its wish to reschedule (`about`), waits for `opens`.

    Who can be had meanwhile is said truthfully: a nurse on call (`notified`), or the `phone`.
    """
    urgent = say("resting.human") if notified else say("resting.ring", phone=phone) if phone else ""
    return say(f"resting.{about}", when=when_text(opens, now, zone)) + urgent + say("resting.danger")


async def ask_team(
    tx: AsyncSession, chat: Chat, patient_id: int | None, text: str, *, message_id: int | None, now: datetime, because: str | None = None
) -> None:
    """Write the question down and raise it for the team. Those of one chat that wait share an alert, whose cards show all of them.

    `because` is why it comes to the team, where it is not that the assistant has no answer.
    """
    flag = await raise_flag(
        tx,
        chat,
        level="same_day",
        categories=[QUESTION],
        said=text[:SHOWN],
        because=because or say("ask_team.because"),
        evidence=[{"rule": QUESTION, "version": 1, "because": "the family wants an answer", "message": message_id}],
        now=now,
        by="dialogue",
        patient_id=patient_id,
    )
    question = QuestionToTeam(chat_id=chat.id, patient_id=patient_id, flag_id=flag.id, text=text, asked_at=now)
    tx.add(question)
    await tx.flush()
    created(tx, question, at=now, by="dialogue")
    waiting = [each.text for each in await questions_of(tx, flag, "asked")]
    if len(waiting) > 1:
        flag.said = " / ".join(reversed(waiting))[:SHOWN]
        if flag.state in ("raised", "delivered"):
            # The new question is shown at once, not with the next reminder.
            flag.next_at = now
