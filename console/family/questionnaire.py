"""Questionnaires and the satisfaction survey on the page, one item at a time: kept, scored and raised as in the chat."""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.around import around
from bot.page_report import after_page
from bot.triage_flag import advice_of
from console.family.desk import FAMILY, VISITOR
from console.family.page import child_of, render, say, see_other, sorry
from console.page import ANYBODY, get, post
from plans.alert import Alert, raise_alerts
from plans.questionnaire import Questionnaire
from plans.questionnaire_answer import read_answer
from plans.questionnaire_response import (
    assigned_to,
    begin,
    end,
    form_of,
    keep,
    next_item,
    on_offer,
    open_response,
    take_up,
)
from plans.questionnaire_task import begin_for, filled_in, item_answered
from plans.queue import pieces_of, turn_to
from plans.task import is_open
from records.care_plan import Task
from records.chat import Chat, latest_chat
from records.patient import Patient
from records.questionnaire import QuestionnaireResponse

# An item that is answered in words takes as much of them.
LONGEST = 500


async def choose(request: web.Request) -> web.StreamResponse:
    """What a clinician wants filled in, what was begun, and what else may be filled in."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id)
        wanted = [form_of(each) for each in await assigned_to(tx, [child])]
        begun = await open_response(tx, chat) if chat is not None else None
        under_way = form_of(begun) if begun is not None and begun.patient_id == child.id else None
    taken = {form.id for form in (*wanted, *([under_way] if under_way else []))}
    offered = [form for form in on_offer(child, now, desk.zone) if form.id not in taken]
    return render(request, "questionnaires.html", child=child, wanted=wanted, under_way=under_way, offered=offered)


async def start(request: web.Request) -> web.StreamResponse:
    """Begin one, or take it up."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    id = request.match_info["form"]
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id, lock=True)
        if chat is None:
            return sorry(request, "no_chat", child=child)
        begun = await take_up(tx, chat, now=now)
        if begun is None or begun.questionnaire != id or begun.patient_id != child.id:
            forms = [form_of(each) for each in await assigned_to(tx, [child])] + on_offer(child, now, desk.zone)
            form = next((each for each in forms if each.id == id), None)
            if form is None:
                raise web.HTTPNotFound
            await begin(tx, chat, await tx.get_one(Patient, child.id), form, now=now)
    return see_other(f"/{child.id}/questionnaires/fill")


async def start_for_task(request: web.Request) -> web.StreamResponse:
    """Begin the questionnaire of a follow-up; when it is complete, so is the follow-up."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id, lock=True)
        task = await tx.get(Task, int(request.match_info["task"]), with_for_update=True)
        if task is None or task.patient_id != child.id:
            raise web.HTTPNotFound
        piece = next(iter(await pieces_of(tx, [task])), None)
        if chat is None or piece is None or piece.step.questionnaire is None or not is_open(task) or now >= task.useful_until:
            return see_other(f"/{child.id}/questionnaires")
        turn_to(chat, task)
        await begin_for(tx, piece, chat, now)
    return see_other(f"/{child.id}/questionnaires/fill")


async def ask(request: web.Request) -> web.StreamResponse:
    """The open item."""
    desk, child = request.app[FAMILY], child_of(request)
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id, lock=True)
        response = await _mine(tx, chat, child)
        if response is None or next_item(response) is None:
            return see_other(f"/{child.id}/questionnaires")
        return _item(request, child, response)


async def answer(request: web.Request) -> web.StreamResponse:
    """An item was answered, or skipped; after the last one the questionnaire is scored."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    form = await request.post()
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, request[VISITOR].carer.id, lock=True)
        response = await _mine(tx, chat, child)
        item = next_item(response) if response is not None else None
        if chat is None or response is None or item is None or form.get("item") != f"{response.id}_{item.id}":
            # A form that was sent twice, or is older than what was answered in the chat.
            return see_other(f"/{child.id}/questionnaires/fill")
        said_so = str(form.get("value", "")).replace("\x00", "")[:LONGEST]
        value = None if "skip" in form else read_answer(form_of(response), item, said_so)
        if value is None and "skip" not in form:
            return _item(request, child, response, error=say("questionnaire.unread"))
        alert, said, advice = keep(response, item, value, now=now), say("questionnaire.kept", title=form_of(response).title), ""
        await item_answered(tx, chat, response, now=now)
        if alert is not None:
            advice = await _raise(request, tx, chat, child, alert, said)
        over = next_item(response) is None
        closing, call = "", False
        if over:
            await filled_in(tx, chat, response, now=now)
            ended = await end(tx, response, child, now=now)
            closing, call = ended.closing if ended.alert is None else "", ended.offer_call
            if ended.alert is not None:
                advice = await _raise(request, tx, chat, child, ended.alert, said)
        await after_page(tx, chat, [child], now)
    if over or advice:
        return render(request, "answered.html", child=child, advice=advice, closing=closing, call=call, over=over)
    return see_other(f"/{child.id}/questionnaires/fill")


async def _mine(tx: AsyncSession, chat: Chat | None, child: Patient) -> QuestionnaireResponse | None:
    response = await open_response(tx, chat) if chat is not None else None
    return response if response is not None and response.patient_id == child.id else None


async def _raise(request: web.Request, tx: AsyncSession, chat: Chat, child: Patient, alert: Alert, said: str) -> str:
    desk, now = request.app[FAMILY], request.app[FAMILY].clock()
    known = (await around(tx, [chat], now))[chat.id]
    await raise_alerts(tx, chat, [alert], said=said, patient_id=child.id, now=now)
    return advice_of(alert, notified=known.notified, phone=known.phone or desk.emergency_phone)


def _item(request: web.Request, child: Patient, response: QuestionnaireResponse, error: str | None = None) -> web.Response:
    form, item = form_of(response), next_item(response)
    assert item is not None  # noqa: S101 - the caller has looked
    intro = form.intro.format(name=child.name) if not response.answers else ""
    options = form.options_of(item) if item.kind == "choice" else ()
    return render(
        request,
        "item.html",
        status=422 if error else 200,
        child=child,
        form=form,
        item=item,
        options=options,
        intro=intro,
        number=_number(form, item.id),
        key=f"{response.id}_{item.id}",
        error=error,
    )


def _number(form: Questionnaire, id: str) -> int:
    return next(number for number, item in enumerate(form.items, 1) if item.id == id)


ROUTES = (
    get(r"/{child:\d{1,18}}/questionnaires", choose, ANYBODY),
    get(r"/{child:\d{1,18}}/questionnaires/fill", ask, ANYBODY),
    post(r"/{child:\d{1,18}}/questionnaires/fill", answer, ANYBODY),
    post(r"/{child:\d{1,18}}/tasks/{task:\d{1,18}}/questionnaire", start_for_task, ANYBODY),
    post(r"/{child:\d{1,18}}/questionnaires/begin/{form:[a-z][a-z0-9]*}", start, ANYBODY),
)
