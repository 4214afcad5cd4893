"""The product's worker with a dialogue that costs nothing, so that a year passes in minutes. All else is the product's own."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from actions.turn import Turn
from bot import app, worker
from bot.logs import configure
from bot.reply import Reply
from bot.settings import Settings, load_settings
from bot.turn import TurnTaker
from plans.consent import resume, stop
from plans.content.live import take_in
from plans.follow_up import answer, decline, next_question, open_task, report, template_of
from plans.pause import pause
from plans.question import ask_of, buttons_of, tapped
from plans.questionnaire_answer import read_answer
from plans.questionnaire_response import end, form_of, item_words, keep, next_item, open_response
from plans.questionnaire_task import filled_in, item_answered
from plans.queue import go_on
from records.care_plan import Task
from records.patient import Carer, Patient
from records.questionnaire import QuestionnaireResponse
from tests.durability.file_clock import LOOK_EVERY, follow, listen

STOP, RESUME, PAUSE, PERSON = "别再发随访了", "恢复随访", "随访暂停三天", "转人工"
# What nothing here depends upon is looked at so seldom (s): twice a day, or once.
HALF_A_DAY, NEVER_AGAIN = 12 * 3600, 1000 * 24 * 3600
LATER = ("等会儿再说", "晚点再说")
_ITEM = re.compile(r"item_(?P<response>\d+)_(?P<item>\w+)_(?P<value>\d+)")


class Plain:
    """Stands where Rasa stands: the same calls into plans/, chosen by a few fixed words instead of a model."""

    async def turn(self, turn: Turn) -> list[Reply]:
        """Wishes first, then what is being asked, else it is written down."""
        carer = await turn.tx.get(Carer, turn.chat.carer_id) if turn.chat.carer_id is not None else None
        if turn.text == PERSON:
            turn.wants_human = "asked"
            return []
        if carer is not None and turn.text in (STOP, RESUME, PAUSE):
            return [Reply(await self._wish(turn, carer))]
        response = await open_response(turn.tx, turn.chat)
        if response is not None and (said := await self._item(turn, response)) is not None:
            return said
        task = await open_task(turn.tx, turn.chat)
        if task is not None and (said := await self._answer(turn, task)) is not None:
            return said
        if turn.patient is not None:
            told = await report(
                turn.tx, turn.patient, turn.understanding, message_id=turn.message_id, text=turn.text, now=turn.now, zone=turn.zone
            )
            return [Reply("\n".join(part for part in (told.ask_back,) if part) or "记下了。")]
        return [Reply("收到。")]

    async def _wish(self, turn: Turn, carer: Carer) -> str:
        if turn.text == STOP:
            return await stop(turn.tx, carer, turn.now)
        if turn.text == RESUME:
            return await resume(turn.tx, carer, turn.now)
        return await pause(turn.tx, carer, 3, now=turn.now, zone=turn.zone)

    async def _item(self, turn: Turn, response: QuestionnaireResponse) -> list[Reply] | None:
        form, item = form_of(response), next_item(response)
        tap = _ITEM.fullmatch((turn.message.menu_id if turn.message is not None else None) or "")
        if tap is not None and int(tap["response"]) == response.id and item is not None and tap["item"] == item.id:
            value: int | str | None = int(tap["value"])
        elif item is None or (value := read_answer(form, item, turn.text)) is None:
            return None
        patient = await turn.tx.get(Patient, response.patient_id) if response.patient_id is not None else turn.patient
        keep(response, item, value, now=turn.now)
        await item_answered(turn.tx, turn.chat, response, now=turn.now)
        if next_item(response) is not None:
            text, buttons = item_words(response, patient, again=False)
            return [Reply(text, buttons)]
        task = await filled_in(turn.tx, turn.chat, response, now=turn.now)
        ended = await end(turn.tx, response, patient, now=turn.now)
        return [Reply(ended.closing), *(await self._next(turn) if task is not None else [])]

    async def _answer(self, turn: Turn, task: Task) -> list[Reply] | None:
        patient, template = await turn.tx.get_one(Patient, task.patient_id), await template_of(turn.tx, task)
        question = next_question(task, template, patient)
        if question is None:
            return None
        tap = tapped(turn.message.menu_id if turn.message is not None else None)
        if turn.text in LATER:
            came = await decline(turn.tx, task, reason="not_yet", text=turn.text, now=turn.now, zone=turn.zone)
        else:
            came = await answer(
                turn.tx, task, patient, question, turn.understanding, text=turn.text, message_id=turn.message_id, now=turn.now,
                zone=turn.zone, tapped=(tap[1], tap[2]) if tap is not None and tap[0] == task.id else None,
            )  # fmt: skip
        said = [Reply("\n".join(part for part in (came.echo, came.ask_back, came.closing) if part))]
        if came.finished:
            return [*said, *await self._next(turn)]
        if came.next is not None and came.next.id != question.id and not came.ask_back:
            said.append(Reply(ask_of(came.next, patient), buttons_of(task, came.next)))
        return said if any(each.text for each in said) else [Reply("好的。")]

    async def _next(self, turn: Turn) -> list[Reply]:
        then = await go_on(turn.tx, turn.chat, now=turn.now, zone=turn.zone, several=len(turn.patients) > 1)
        return [Reply(then.text, then.buttons)] if then is not None else []

    async def prepare(self, tx: Any, chat_ids: Any) -> None:
        """It has no state."""

    async def save(self, tx: Any) -> None:
        """It has no state."""

    async def begin_follow_ups(self, tx: Any, begun: Any, now: Any) -> None:
        """What is asked stands in the follow-up."""

    def forget(self, chat_id: int) -> None:
        """It has no memory."""


async def _at_hand(turns: TurnTaker, model: Path | None, parts: app.Core) -> None:
    turns.talker, turns.loading = Plain(), False
    # What is taught is sent from the content centre; nobody here looks for an answer in it.
    await parts.db.insist(lambda: take_in(parts.db, parts.clock))


def _seldom(look: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """`look`, twice a day of the hospital's clock: nothing that it looks for changes here."""
    last: list[datetime] = []

    async def seldom(parts: app.Core, *rest: Any) -> None:
        if not last or parts.clock() >= last[-1] + timedelta(seconds=HALF_A_DAY):
            last[:] = [parts.clock()]
            await look(parts, *rest)

    return seldom


async def _soon(seconds: float) -> None:
    """Between two tries nobody needs to wait for real: what waits for longer waits for the clock."""
    await asyncio.sleep(min(seconds, 0.02))


def work(environment: dict[str, str], log: Path, hurry: bool = True) -> None:
    """Run until killed. In a hurry, loops look as soon as the clock is moved, and then no more."""
    os.environ.update(environment)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    settings = load_settings()
    configure("warning", role="worker")
    worker._load_dialogue = _at_hand
    follow()
    worker.CLOCK_EVERY = LOOK_EVERY
    if hurry:
        _hurry()
    import uvloop

    uvloop.run(_run(settings, hurry))


async def _run(settings: Settings, hurry: bool) -> None:
    if hurry:
        listen()
    await worker.run_worker(settings, model=Path("plain"))


def _hurry() -> None:
    worker.wecom_client = partial(app.wecom_client, sleep=_soon)  # type: ignore[attr-defined]
    # Each time the clock is moved, and not while it stands.
    worker.SWEEP_EVERY, worker.PLANS_EVERY, worker.CLOCK_EVERY = 30, 59, 30
    worker.RULES_EVERY = 3600
    for name in ("RISK", "CHOICES", "FRIENDS", "TABLES", "COHORTS", "CONTENTS", "CARERS", "GROUP_SENDS", "ARTICLES", "FEEDS", "VIEWS",
                 "PUBLICATIONS", "WEEKLY", "MESSAGES", "STAFF", "SEAL", "SEALING", "VERIFY", "LOOK"):  # fmt: skip
        setattr(worker, f"{name}_EVERY", NEVER_AGAIN)
    worker.know_accounts = _seldom(worker.know_accounts)  # type: ignore[assignment]
    worker.POLITENESS = 0
