"""Clarifying as rows: opened by a report, answered question by question, ended early when enough is known.

A chat that has nothing open costs no statement: what waits stands in the chat's own row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clarify import MOST, ClarifyingQuestion, Theme, danger_signs, themes, themes_of
from plans.clarify_read import Fact, read_fact
from plans.finding import store
from plans.wording import say
from records.chat import Chat
from records.clarification import CLARIFICATION_MOVES, Clarification
from records.observation import Observation
from records.patient import Patient
from records.state import created, move

if TYPE_CHECKING:
    from tagging.understanding import Understanding

# Nothing is asked twice within a day; a question to which nothing was heard for an hour is no longer open (R).
ONCE_IN, KEPT_FOR = timedelta(hours=24), timedelta(hours=1)

_WAITING = (
    select(Clarification).where(Clarification.chat_id == bindparam("chat"), Clarification.state == "waiting").order_by(Clarification.id)
)
_RECENT = select(Clarification).where(Clarification.patient_id == bindparam("patient"), Clarification.opened_at > bindparam("since"))
_KNOWN = select(Observation.code, Observation.effective_at, Observation.message_id).where(
    Observation.patient_id == bindparam("patient"),
    Observation.code.in_(bindparam("codes", expanding=True)),
    Observation.status == "final",
    Observation.effective_at > bindparam("since"),
)


async def open_clarification(tx: AsyncSession, chat: Chat, now: datetime) -> Clarification | None:
    """What waits for an answer in `chat`; one that has waited too long ends here."""
    if chat.clarification_id is None:
        return None
    row = await tx.get(Clarification, chat.clarification_id)
    if row is None or row.state != "open" or theme_in(row) is None:
        chat.clarification_id = None
        return None
    if now - row.updated_at >= KEPT_FOR:
        await end(tx, chat, row, "left", now=now, by="system")
        return None
    return row


async def begin(
    tx: AsyncSession, chat: Chat, patient: Patient, understanding: "Understanding", text: str, *, message_id: int | None, now: datetime
) -> Clarification | None:
    """Open the questions that this report calls for; None when it calls for none, or all is known or was asked within a day.

    Costs nothing where no theme is opened.
    """
    theme = next(iter(themes_of(understanding, text)), None)
    row = await _drawn_up(tx, chat, patient, theme, "open", understanding, text, message_id, now) if theme is not None else None
    if row is None:
        return None
    await interrupt(tx, chat, "superseded", now=now, by="family")
    chat.clarification_id = row.id
    return row


async def put_off(
    tx: AsyncSession,
    chat: Chat,
    row: Clarification,
    patient: Patient,
    understanding: "Understanding",
    text: str,
    *,
    message_id: int | None,
    now: datetime,
) -> None:
    """Keep for later what a message calls for beside the open `row`: it is asked when that has ended well. Nothing is put off twice."""
    for theme in themes_of(understanding, text, besides=theme_in(row)):
        await _drawn_up(tx, chat, patient, theme, "waiting", understanding, text, message_id, now)


async def take_up(tx: AsyncSession, chat: Chat, *, now: datetime) -> Clarification | None:
    """Open what was put off in `chat`, the oldest first; None when nothing was, or when all of it has become known meanwhile."""
    for row in await tx.scalars(_WAITING, {"chat": chat.id}):
        theme, patient = theme_in(row), await tx.get_one(Patient, row.patient_id)
        known = await _on_record(tx, patient, theme, None, now) if theme is not None else set()
        row.answers = {question: {"at": now.isoformat()} for question in sorted(known)} | row.answers
        first = _next(theme, (), row.answers, _age(patient, now)) if theme is not None else None
        if first is None:
            await move(tx, row, "enough", moves=CLARIFICATION_MOVES, at=now, by="system", updated_at=now)
            continue
        row.asked, chat.clarification_id = [first.id], row.id
        await move(tx, row, "open", moves=CLARIFICATION_MOVES, at=now, by="system", updated_at=now)
        return row
    return None


async def _drawn_up(
    tx: AsyncSession,
    chat: Chat,
    patient: Patient,
    theme: Theme,
    state: str,
    understanding: "Understanding",
    text: str,
    message_id: int | None,
    now: datetime,
) -> Clarification | None:
    """A row for what `theme` has to ask after this message; None when all is known, was asked within a day, or waits already."""
    before = list(await tx.scalars(_RECENT, {"patient": patient.id, "since": now - ONCE_IN}))
    if state == "waiting" and any(row.theme == theme.id and row.state == state for row in before):
        return None
    asked = {(row.theme, question) for row in before for question in (*row.asked, *row.answers)}
    known = await _on_record(tx, patient, theme, message_id, now)
    answers: dict[str, Any] = {}
    for question in theme.questions:
        fact = read_fact(theme, question, understanding, text, now=now, open=False)
        if fact is not None:
            answers[question.id] = fact.kept(now)
    # What is not to be asked stands among the answers with nothing to tell.
    for question in theme.questions:
        if (theme.id, question.id) in asked or question.id in known:
            answers.setdefault(question.id, {"at": now.isoformat()})
    first = _next(theme, (), answers, _age(patient, now))
    if first is None or any(answer.get("ends") for answer in answers.values()):
        return None
    row = Clarification(
        chat_id=chat.id,
        patient_id=patient.id,
        theme=theme.id,
        version=theme.version,
        state=state,
        asked=[first.id],
        answers=answers,
        tried=0,
        opened_at=now,
        updated_at=now,
    )
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by="family")
    return row


def theme_in(row: Clarification) -> Theme | None:
    """The theme of `row`, if there still is one that has its open question."""
    theme = themes().get(row.theme)
    return theme if theme is not None and row.asked and theme.question(row.asked[-1]) is not None else None


def open_question(row: Clarification) -> ClarifyingQuestion | None:
    """The question that waits for an answer."""
    theme = theme_in(row)
    return theme.question(row.asked[-1]) if theme is not None and row.asked[-1] not in row.answers else None


def read(
    row: Clarification, understanding: "Understanding", text: str, *, now: datetime, tapped: tuple[str, str] | None = None
) -> dict[str, Fact]:
    """What `text` says, by question: to the open one, to others that it speaks of, and to an earlier one that it puts right.

    `tapped` is question and choice of a menu of this very clarification.
    """
    theme, asked = theme_in(row), open_question(row)
    facts: dict[str, Fact] = {}
    if theme is None:
        return facts
    for question in theme.questions:
        if tapped is not None:
            fact = (
                read_fact(theme, question, understanding, text, now=now, open=False, tapped=tapped[1]) if question.id == tapped[0] else None
            )
        else:
            fact = read_fact(theme, question, understanding, text, now=now, open=asked is not None and question.id == asked.id)
        known = row.answers.get(question.id)
        # An answer stands until another value is told: a word beside another answer does not overthrow it.
        if fact is not None and (known is None or tapped is not None or fact.value is not None):
            facts[question.id] = fact
    return facts


async def take(
    tx: AsyncSession, row: Clarification, patient: Patient, facts: Mapping[str, Fact], *, message_id: int | None, now: datetime
) -> ClarifyingQuestion | None:
    """Keep the answers, on record too where tagging has not put them there, and go on; None when enough is known.

    The same answer of the same message is kept once.
    """
    theme = theme_in(row)
    if theme is None:
        return None
    row.answers = {**row.answers, **{id: fact.kept(now) for id, fact in facts.items()}}
    row.tried, row.updated_at = 0, now
    for id, fact in facts.items():
        question = theme.question(id)
        if question is not None and question.kind in ("duration", "choice", "count") and (fact.choice or fact.hours or fact.value):
            told = {"status": "told", "clarifies": id, "choice": fact.choice, "hours": fact.hours, "number": fact.value}
            await store(
                tx,
                patient,
                code=f"clarify.{theme.id}",
                value=None,
                unit=None,
                text=fact.tells,
                at=now,
                now=now,
                message_id=message_id,
                detail={name: value for name, value in told.items() if value is not None},
            )
    following = None if any(fact.ends for fact in facts.values()) else _next(theme, row.asked, row.answers, _age(patient, now))
    if following is not None and following.id != row.asked[-1]:
        row.asked = [*row.asked, following.id]
    return following


async def end(tx: AsyncSession, chat: Chat, row: Clarification, how: str, *, now: datetime, by: str = "family") -> None:
    """End it as `how`: enough, danger, unread, left, superseded. What was answered stays; what was put off waits only after enough."""
    if row.state == "open":
        await move(tx, row, how, moves=CLARIFICATION_MOVES, at=now, by=by, updated_at=now)
    if chat.clarification_id == row.id:
        chat.clarification_id = None
    if how != "enough":
        for later in await tx.scalars(_WAITING, {"chat": chat.id}):
            await move(tx, later, "left" if how == "unread" else how, moves=CLARIFICATION_MOVES, at=now, by=by, updated_at=now)


async def interrupt(tx: AsyncSession, chat: Chat, how: str, *, now: datetime, by: str = "system") -> None:
    """End what waits in `chat`, if anything does, because something else has taken over; no statement where nothing waits."""
    if chat.clarification_id is not None and (row := await tx.get(Clarification, chat.clarification_id)) is not None:
        await end(tx, chat, row, how, now=now, by=by)


def told(row: Clarification) -> str:
    """What is known by now, as one phrase for family and clinician; empty when nothing is."""
    theme = themes().get(row.theme)
    ids = [question.id for question in theme.questions] if theme is not None else list(row.answers)
    phrases = [row.answers[id]["tells"] for id in ids if row.answers.get(id, {}).get("tells")]
    return say("clarify.listed").join(dict.fromkeys(phrases))


async def told_in(tx: AsyncSession, chat: Chat) -> str:
    """What the family has answered in `chat` to what is open, for a clinician; no statement where nothing is."""
    row = await tx.get(Clarification, chat.clarification_id) if chat.clarification_id is not None else None
    what = told(row) if row is not None else ""
    return say("clarify.known", what=what) if what else ""


async def told_of(tx: AsyncSession, patient_ids: Sequence[int], now: datetime) -> dict[int, str]:
    """What was answered within a day about each of these patients, for a clinician."""
    query = select(Clarification).where(Clarification.patient_id.in_(patient_ids), Clarification.opened_at > now - ONCE_IN)
    rows = list(await tx.scalars(query.order_by(Clarification.id))) if patient_ids else []
    found = {row.patient_id: what for row in rows if (what := told(row))}
    return {patient_id: say("clarify.known", what=what) for patient_id, what in found.items()}


def _next(theme: Theme, asked: Sequence[str], answers: Mapping[str, Any], age_days: int) -> ClarifyingQuestion | None:
    """The first question that is still open; a new one only while fewer than MOST were asked."""
    for question in theme.questions:
        ruled_out = any(answers.get(each.question, {}).get("choice") in each.choices for each in question.unless)
        if question.id in answers or ruled_out or not question.is_for(age_days):
            continue
        if question.id in asked or len(asked) < MOST:
            return question
    return None


async def _on_record(tx: AsyncSession, patient: Patient, theme: Theme, message_id: int | None, now: datetime) -> set[str]:
    """The questions whose fact the record holds already, apart from what this very message has put there.

    One about danger is known only when all its dangers are: whoever breathes well may still convulse.
    """
    lasting = [question for question in theme.questions if question.known_hours]
    codes = {code for question in lasting for code in (*question.signs, *((question.vital,) if question.vital else ()))}
    if not codes:
        return set()
    longest = max(question.known_hours for question in lasting)
    rows = (await tx.execute(_KNOWN, {"patient": patient.id, "codes": sorted(codes), "since": now - timedelta(hours=longest)})).all()
    known = set()
    for question in lasting:
        since = now - timedelta(hours=question.known_hours)
        told = {code for code, at, message in rows if at > since and (message is None or message != message_id)}
        dangers = danger_signs(question)
        if dangers <= told if dangers else not told.isdisjoint((*question.signs, question.vital)):
            known.add(question.id)
    return known


def _age(patient: Patient, now: datetime) -> int:
    return (now.date() - patient.birth_date).days
