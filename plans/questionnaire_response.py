"""Filling in a questionnaire: which are on offer, one item at a time, paused and taken up again, scored at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.clock import local_day
from plans.questionnaire import Item, Questionnaire, find_questionnaire, mean_before, newest, result_of
from plans.wording import say
from records.chat import Chat
from records.patient import Patient
from records.questionnaire import RESPONSE_MOVES, QuestionnaireResponse
from records.retag import ask_retag
from records.state import created, move

CATEGORY = "questionnaire_score"
# What is asked of the last two weeks cannot be put together from answers of different weeks (R).
FRESH = timedelta(days=2)
ENDED = "family"

_OPEN = select(QuestionnaireResponse).where(
    QuestionnaireResponse.chat_id == bindparam("chat"), QuestionnaireResponse.state == "in_progress"
)
_ASSIGNED = (
    select(QuestionnaireResponse)
    .where(
        QuestionnaireResponse.patient_id == any_(bindparam("patients", type_=ARRAY(BigInteger))), QuestionnaireResponse.state == "assigned"
    )
    .order_by(QuestionnaireResponse.id)
)


@dataclass(frozen=True)
class Ended:
    """The last words, what a clinician must know, and whether the family should be offered a call."""

    closing: str
    alert: Alert | None
    offer_call: bool


async def open_response(tx: AsyncSession, chat: Chat) -> QuestionnaireResponse | None:
    """What is being filled in in this chat."""
    response: QuestionnaireResponse | None = await tx.scalar(_OPEN, {"chat": chat.id})
    return response


async def assigned_to(tx: AsyncSession, patients: Sequence[Patient]) -> list[QuestionnaireResponse]:
    """What clinicians want filled in about these patients, the oldest first."""
    return list(await tx.scalars(_ASSIGNED, {"patients": [patient.id for patient in patients]}))


def assigned_line(responses: Sequence[QuestionnaireResponse]) -> str:
    """One line that tells the family what waits to be filled in; empty when nothing does."""
    titles = dict.fromkeys(form_of(each).title for each in responses)
    return say("questionnaire.assigned", titles=say("echo.listed").join(titles)) if titles else ""


async def assign(tx: AsyncSession, patient: Patient, questionnaire: Questionnaire, *, now: datetime, by: str) -> QuestionnaireResponse:
    """Put a questionnaire on the family's list, once as long as it waits there."""
    waiting = [each for each in await assigned_to(tx, [patient]) if each.questionnaire == questionnaire.id]
    if waiting:
        return waiting[0]
    return await _new(tx, questionnaire, "assigned", team_id=patient.team_id, chat_id=None, patient_id=patient.id, now=now, by=by)


def on_offer(patient: Patient | None, now: datetime, zone: ZoneInfo) -> list[Questionnaire]:
    """The questionnaires that this family may fill in of its own accord; without a patient, those about the service."""
    if patient is None:
        return [each for each in newest().values() if each.respondent == "carer" and not each.tags and not each.on_request]
    today = local_day(now, zone)
    age = today.year - patient.birth_date.year - ((today.month, today.day) < (patient.birth_date.month, patient.birth_date.day))
    return [each for each in newest().values() if each.is_for(age, patient.tags)]


async def begin(
    tx: AsyncSession, chat: Chat, patient: Patient | None, questionnaire: Questionnaire, *, now: datetime
) -> QuestionnaireResponse:
    """Begin `questionnaire` in this chat; another one that is under way ends, and an assigned one is taken."""
    under_way = await open_response(tx, chat)
    if under_way is not None:
        await stop(tx, under_way, now=now, reason="another one was begun")
    mine = [patient] if patient is not None else []
    for waiting in await assigned_to(tx, mine):
        if waiting.questionnaire == questionnaire.id:
            await move(tx, waiting, "in_progress", moves=RESPONSE_MOVES, at=now, by=ENDED, chat_id=chat.id)
            return waiting
    patient_id = patient.id if patient is not None else None
    return await _new(tx, questionnaire, "in_progress", team_id=chat.team_id, chat_id=chat.id, patient_id=patient_id, now=now, by=ENDED)


async def take_up(tx: AsyncSession, chat: Chat, *, now: datetime) -> QuestionnaireResponse | None:
    """What was left half done in this chat, if its answers still belong together; what is too old ends."""
    response = await open_response(tx, chat)
    if response is None:
        return None
    last = max((datetime.fromisoformat(each["at"]) for each in response.answers.values()), default=response.created_at)
    if now - last <= FRESH:
        return response
    await stop(tx, response, now=now, reason="too old to go on")
    return None


async def stop(tx: AsyncSession, response: QuestionnaireResponse, *, now: datetime, reason: str) -> None:
    """End it without a score; what was answered stays."""
    await move(tx, response, "stopped", moves=RESPONSE_MOVES, at=now, by=ENDED, reason=reason, **_forgotten(form_of(response)))


def form_of(response: QuestionnaireResponse) -> Questionnaire:
    """The version that is being filled in. Raises TemplateError when it is gone."""
    return find_questionnaire(response.questionnaire, response.version)


def next_item(response: QuestionnaireResponse) -> Item | None:
    """The first item that has neither been answered nor skipped, and is asked at all."""
    form = form_of(response)
    values = {id: each["value"] for id, each in response.answers.items()}
    return next((item for item in form.items if item.id not in response.answers and _is_asked(form, item, values)), None)


def _is_asked(form: Questionnaire, item: Item, values: Mapping[str, int | str | None]) -> bool:
    if item.only_below is None:
        return True
    mean = mean_before(form, values, item)
    return mean is not None and mean < item.only_below


def item_words(response: QuestionnaireResponse, patient: Patient | None, *, again: bool) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The words and the buttons (id, label) of the open item; `again` after something else came in between. Empty when none is open."""
    form, item = form_of(response), next_item(response)
    if item is None:
        return "", ()
    name = patient.name if patient is not None else say("questionnaire.you")
    intro = say("questionnaire.again") if again else form.intro.format(name=name) if not response.answers and not response.tried else ""
    number = say("questionnaire.item", number=form.items.index(item) + 1, of=len(form.items), text=item.text)
    options = form.options_of(item) if item.kind == "choice" else ()
    buttons = tuple((f"item_{response.id}_{item.id}_{option.value}", option.label) for option in options)
    return "\n".join(part for part in (intro, number) if part), buttons


def keep(response: QuestionnaireResponse, item: Item, value: int | str | None, *, now: datetime) -> Alert | None:
    """Write an answer down (None: skipped), again if it was there already; what it calls for by itself."""
    response.answers = {**response.answers, item.id: {"value": value, "at": now.isoformat()}}
    response.tried = 0
    form = form_of(response)
    for alarm in form.alarms:
        if alarm.item == item.id and isinstance(value, int) and value >= alarm.gte:
            because = say("because.questionnaire_item", title=form.title, text=item.text, answer=_label(form, item, value))
            return _alert(form, alarm.level, alarm.category, because, alarm.advice, alarm.src, {"item": item.id, "value": value})
    return None


async def end(tx: AsyncSession, response: QuestionnaireResponse, patient: Patient | None, *, now: datetime) -> Ended:
    """Score the answers and complete the response; an anonymous one forgets whose it was."""
    form = form_of(response)
    result = result_of(form, {id: each["value"] for id, each in response.answers.items()})
    await move(
        tx,
        response,
        "completed",
        moves=RESPONSE_MOVES,
        at=now,
        by=ENDED,
        score=result.score,
        band=result.band,
        completed_at=now,
        **_forgotten(form),
    )
    if response.patient_id is not None:
        await ask_retag(tx, [response.patient_id], now)
    name = patient.name if patient is not None else ""
    closing = (form.closing_raised if result.level or result.low else form.closing).format(name=name)
    if result.level is None:
        return Ended(closing, None, offer_call=result.low)
    known = f"{result.score:g}" if result.score is not None else say("because.questionnaire_gaps")
    because = say("because.questionnaire_score", title=form.title, score=known, band=result.band or "-")
    evidence = {"score": result.score, "band": result.band, "answered": result.answered}
    return Ended(closing, _alert(form, result.level, CATEGORY, because, closing, form.src, evidence), offer_call=False)


def _alert(form: Questionnaire, level: str, category: str, because: str, advice: str, src: str, saw: Mapping[str, object]) -> Alert:
    evidence = {"rule": f"questionnaire.{form.id}", "version": form.version, "because": because, "src": src, **saw}
    return Alert(level, category, because, (evidence,), f"questionnaire.{form.id}", advice)


def _label(form: Questionnaire, item: Item, value: int) -> str:
    return next((option.label for option in form.options_of(item) if option.value == value), str(value))


def _forgotten(form: Questionnaire) -> dict[str, Any]:
    return {"chat_id": None, "patient_id": None} if form.anonymous else {}


async def _new(
    tx: AsyncSession,
    form: Questionnaire,
    state: str,
    *,
    team_id: int,
    chat_id: int | None,
    patient_id: int | None,
    now: datetime,
    by: str,
) -> QuestionnaireResponse:
    response = QuestionnaireResponse(
        questionnaire=form.id,
        version=form.version,
        team_id=team_id,
        chat_id=chat_id,
        patient_id=patient_id,
        state=state,
        answers={},
        tried=0,
        created_by=by,
        created_at=now,
    )
    tx.add(response)
    await tx.flush()
    created(tx, response, at=now, by=by)
    return response
