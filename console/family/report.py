"""Reporting a value, or answering a follow-up, with a thumb: taken like a message of the chat, answered on the page."""

import re
import secrets
from collections.abc import Mapping, Sequence

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.page_report import PAGE, Asked, take_from_page, taken_before
from console.family.desk import FAMILY, VISITOR
from console.family.measures import NOW, Measure, measure, measures, measures_of, moments, read_values
from console.family.page import child_of, render, say, see_other, sorry
from console.page import ANYBODY, get, post
from plans.personal import plan_templates, template_of
from plans.question import ask_of, next_question, open_signs, sign_name
from plans.task import is_open
from plans.template import Question
from records.care_plan import CarePlan, Task
from records.chat import Chat, latest_chat, lock_chats
from records.message import Inbound
from records.patient import Patient

# As much as a family may add in its own words.
LONGEST_NOTE = 200
_NONCE = re.compile(r"[0-9A-Za-z_-]{12,32}")


async def choose(request: web.Request) -> web.StreamResponse:
    """What can be reported: first what the child's plan asks for."""
    desk, child = request.app[FAMILY], child_of(request)
    async with desk.db.transaction() as tx:
        planned = await _planned(tx, child)
    age = (desk.clock().astimezone(desk.zone).date() - child.birth_date).days
    mine = measures_of(planned)
    usual = [each for each in measures() if each not in mine and (each.usual or age <= each.until_days)]
    rest = [each for each in measures() if each not in mine and each not in usual]
    return render(request, "report.html", child=child, planned=mine, usual=usual, rest=rest)


async def ask_value(request: web.Request) -> web.StreamResponse:
    """The entry of one measure."""
    return _form(request, child_of(request), [_measure(request)])


async def take_value(request: web.Request) -> web.StreamResponse:
    """A value was entered."""
    child, chosen = child_of(request), _measure(request)
    form = await request.post()
    values = read_values([chosen], form)
    if values is None or set(values) != chosen.vitals:
        return _form(request, child, [chosen], form=form, error=say("report.no_number"))
    moment = str(form.get("moment", NOW))
    text = chosen.said(values, moment if moment in moments() else NOW)
    desk, nonce = request.app[FAMILY], _nonce(form)
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id, lock=True)
        return await _take(tx, request, chat, child, [text, _note(form)], nonce)


async def ask_task(request: web.Request) -> web.StreamResponse:
    """The open question of a follow-up."""
    desk, child = request.app[FAMILY], child_of(request)
    async with desk.db.transaction() as tx:
        task, title, question = await _question(tx, request, child)
    if question is None:
        return sorry(request, "answered", child=child)
    return _ask(request, child, task, title, question)


async def take_task(request: web.Request) -> web.StreamResponse:
    """The open question was answered; the form says which one that was."""
    desk, child, form = request.app[FAMILY], child_of(request), await request.post()
    nonce = _nonce(form)
    async with desk.db.transaction() as tx:
        chat = await _hold(tx, request)
        task, title, question = await _question(tx, request, child, lock=True)
        if chat is not None and (before := await taken_before(tx, chat, nonce)) is not None:
            return _on_to(child, before)
        if question is None or form.get("question") != question.id:
            # Answered meanwhile, in the chat or on another phone: what is open now is asked.
            return see_other(f"/{child.id}/tasks/{task.id}")
        said, tapped = _answer(task, question, form)
        if not said:
            return _ask(request, child, task, title, question, form=form, error=say(f"report.empty.{question.kind}"))
        return await _take(tx, request, chat, child, [said, _note(form)], nonce, Asked(task, question, tapped))


async def told(request: web.Request) -> web.StreamResponse:
    """What came of an entry: what to do in danger, what was kept, what is next."""
    desk, child = request.app[FAMILY], child_of(request)
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id)
        message = await tx.get(Inbound, int(request.match_info["message"]))
        page = message.outcome.get(PAGE) if message is not None else None
        if message is None or chat is None or message.chat_id != chat.id or page is None or page["patient"] != child.id:
            raise web.HTTPNotFound
        task = await tx.get(Task, page["task"]) if page.get("task") is not None else None
        template = await template_of(tx, task) if task is not None else None
        more = task is not None and template is not None and is_open(task) and next_question(task, template, child) is not None
    return render(request, "told.html", child=child, told=page, entered=message.text, at=message.sent_at, task=task if more else None)


def _measure(request: web.Request) -> Measure:
    chosen = measure(request.match_info["measure"])
    if chosen is None:
        raise web.HTTPNotFound
    return chosen


def _note(form: Mapping[str, object]) -> str:
    return str(form.get("note", "")).replace("\x00", "").strip()[:LONGEST_NOTE]


def _answer(task: Task, question: Question, form: Mapping[str, object]) -> tuple[str, tuple[str, int] | None]:
    """The words that answer `question`, and the option that was tapped; no words when nothing was entered."""
    if question.kind == "choice":
        option = next((each for each in question.options if str(each.value) == form.get("option")), None)
        return (option.label, (question.id, option.value)) if option is not None else ("", None)
    if question.kind == "text":
        return str(form.get("words", "")).replace("\x00", "").strip()[:LONGEST_NOTE], None
    if question.kind == "symptoms":
        there = [sign_name(sign) for sign in open_signs(task, question) if form.get(f"sign_{sign}") == "yes"]
        if there:
            return say("report.signs", names="、".join(there)), None
        return (say("report.no_signs") if form.get("none") == "yes" else ""), None
    chosen = measures_of(question.vitals)
    values = read_values(chosen, form) or {}
    complete = [each for each in chosen if each.vitals <= set(values)]
    return "，".join(each.said(values) for each in complete), None


async def _planned(tx: AsyncSession, child: Patient) -> list[str]:
    """The vitals that the child's running plans ask for."""
    running = (await tx.scalars(select(CarePlan).where(CarePlan.patient_id == child.id, CarePlan.state == "active"))).all()
    templates = await plan_templates(tx, running)
    return [vital for template in templates.values() for step in template.steps for question in step.questions for vital in question.vitals]


async def _hold(tx: AsyncSession, request: web.Request) -> Chat | None:
    """The carer's chat, locked, and with it the one in which the follow-up is told: whoever ends a follow-up lets that go, and two
    parents who answer at once must not wait for each other."""
    mine = await latest_chat(tx, request[VISITOR].carer.id)
    told_in = await tx.scalar(select(Task.chat_id).where(Task.id == int(request.match_info["task"])))
    held = await lock_chats(tx, [id for id in (mine.id if mine is not None else None, told_in) if id is not None])
    return held[mine.id] if mine is not None else None


async def _question(tx: AsyncSession, request: web.Request, child: Patient, *, lock: bool = False) -> tuple[Task, str, Question | None]:
    """The follow-up of the address, its title, and its open question while an answer counts; `lock` holds it until the transaction ends."""
    task = await tx.get(Task, int(request.match_info["task"]), with_for_update=lock)
    if task is None or task.patient_id != child.id:
        raise web.HTTPNotFound
    template = await template_of(tx, task)
    desk = request.app[FAMILY]
    answerable = is_open(task) and desk.clock() < task.useful_until
    return task, template.step(task.step).title, next_question(task, template, child) if answerable else None


def _nonce(form: Mapping[str, object]) -> str:
    nonce = str(form.get("nonce", ""))
    if not _NONCE.fullmatch(nonce):
        raise web.HTTPBadRequest
    return nonce


async def _take(
    tx: AsyncSession,
    request: web.Request,
    chat: Chat | None,
    child: Patient,
    said: Sequence[str],
    nonce: str,
    asked: Asked | None = None,
) -> web.StreamResponse:
    desk = request.app[FAMILY]
    if chat is None:
        return sorry(request, "no_chat", child=child)
    message = await take_from_page(
        tx,
        chat,
        await tx.get_one(Patient, child.id),
        "。".join(part for part in said if part),
        key=nonce,
        now=desk.clock(),
        zone=desk.zone,
        emergency_phone=desk.emergency_phone,
        asked=asked,
    )
    return _on_to(child, message)


def _on_to(child: Patient, message: Inbound) -> web.Response:
    """On to what came of an entry."""
    return see_other(f"/{child.id}/told/{message.id}")


def _ask(
    request: web.Request,
    child: Patient,
    task: Task,
    title: str,
    question: Question,
    *,
    form: Mapping[str, object] | None = None,
    error: str | None = None,
) -> web.StreamResponse:
    """The entry of a follow-up's open question."""
    signs = [(sign, sign_name(sign)) for sign in open_signs(task, question)]
    chosen, ask = measures_of(question.vitals), ask_of(question, child)
    return _form(request, child, chosen, form=form, error=error, title=title, question=question, ask=ask, signs=signs)


def _form(
    request: web.Request,
    child: Patient,
    chosen: Sequence[Measure],
    *,
    form: Mapping[str, object] | None = None,
    error: str | None = None,
    title: str | None = None,
    question: Question | None = None,
    ask: str | None = None,
    signs: Sequence[tuple[str, str]] = (),
) -> web.StreamResponse:
    given = {name: value for name, value in (form or {}).items() if isinstance(value, str)}
    return render(
        request,
        "entry.html",
        status=422 if error else 200,
        child=child,
        measures=chosen,
        moments=moments(),
        title=title or chosen[0].name,
        question=question,
        ask=ask,
        signs=signs,
        given=given,
        error=error,
        nonce=secrets.token_urlsafe(12),
        longest=LONGEST_NOTE,
    )


ROUTES = (
    get(r"/{child:\d{1,18}}/report", choose, ANYBODY),
    get(r"/{child:\d{1,18}}/report/{measure:[a-z0-9_]+}", ask_value, ANYBODY),
    post(r"/{child:\d{1,18}}/report/{measure:[a-z0-9_]+}", take_value, ANYBODY),
    get(r"/{child:\d{1,18}}/tasks/{task:\d{1,18}}", ask_task, ANYBODY),
    post(r"/{child:\d{1,18}}/tasks/{task:\d{1,18}}", take_task, ANYBODY),
    get(r"/{child:\d{1,18}}/told/{message:\d{1,18}}", told, ANYBODY),
)
