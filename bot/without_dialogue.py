"""What goes on while the dialogue is down: a person is called by a word, and a follow-up's question is answered by what needs no model."""

from functools import cache
from pathlib import Path

import yaml

from actions.turn import Turn
from bot.reply import Reply
from bot.triage_flag import advice_of
from plans.alert import raise_alerts
from plans.follow_up import answer, next_question, open_task, template_of
from plans.question import ask_of, buttons_of, tapped
from plans.read_answer import read_choice
from records.patient import Patient

# What may stand around a word without changing it.
AROUND = " \t\n，。！!.,~～？?、"


@cache
def _person() -> frozenset[str]:
    words: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
    return frozenset(words["person"])


async def plainly(turn: Turn) -> list[Reply] | None:
    """What is said to a message that needs no model: the word for a person (the turn then wants one), or a button, an option's words or a
    measured value as the answer to the follow-up's open question, which asks the next. None for all else."""
    if turn.text.strip(AROUND) in _person():
        turn.wants_human = "request"
        return []
    task = await open_task(turn.tx, turn.chat)
    patient = await turn.tx.get(Patient, task.patient_id) if task is not None else None
    if task is None or patient is None:
        return None
    template = await template_of(turn.tx, task)
    question = next_question(task, template, patient)
    if question is None:
        return None
    tap = tapped(turn.message.menu_id if turn.message is not None else None)
    mine = (tap[1], tap[2]) if tap is not None and tap[0] == task.id else None
    chosen = question.kind == "choice" and read_choice(turn.text, question) is not None
    if mine is None and not chosen and not turn.understanding.measurements:
        return None
    said, now, zone = turn.text, turn.now, turn.zone
    came = await answer(
        turn.tx, task, patient, question, turn.understanding, text=said, message_id=turn.message_id, now=now, zone=zone, tapped=mine
    )
    if not came.understood:
        return None
    advice = ""
    if came.alert is not None:
        await raise_alerts(turn.tx, turn.chat, (came.alert, *came.others), said=said, patient_id=patient.id, now=now)
        advice = advice_of(came.alert, notified=turn.notified, phone=turn.phone or "")
    told = Reply("\n".join(part for part in (came.echo, advice, came.ask_back, came.closing) if part))
    if came.finished or came.ask_back:
        return [told]
    following = next_question(task, template, patient)
    return [told] if following is None else [told, Reply(ask_of(following, patient), buttons_of(task, following))]
