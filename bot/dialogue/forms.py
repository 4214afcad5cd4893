"""Forms that wait for an answer as long as our tables say so; other forms live in the conversation alone."""

from actions.turn import Turn
from plans.binding import open_binding
from plans.clarify_talk import open_clarification
from plans.follow_up import open_task
from plans.question import tapped
from plans.questionnaire_task import KEPT, is_being_filled
from plans.queue import of_child, turn_to
from plans.task import TALKING
from records.care_plan import Task

FOLLOW_UP, BINDING, CLARIFY, QUESTIONNAIRE = "follow_up_form", "binding_form", "clarify_form", "questionnaire_form"
# The one slot of each.
SLOTS = {FOLLOW_UP: "answer", BINDING: "binding", CLARIFY: "clarified"}
# A questionnaire lives in the conversation, unless a follow-up has begun it.
ASKED = SLOTS | {QUESTIONNAIRE: "item"}
# As bot/family_round.py calls what begins.
FORMS = {"follow_up": FOLLOW_UP, "questionnaire": QUESTIONNAIRE}


async def open_form(turn: Turn) -> str | None:
    """The form whose turn it is: a binding that was begun, questions about a report, then a follow-up that was asked, or the questionnaire
    that it is."""
    if await open_binding(turn.tx, turn.chat, turn.now) is not None:
        return BINDING
    if await open_clarification(turn.tx, turn.chat, turn.now) is not None:
        return CLARIFY
    await _turn_to_what_is_meant(turn)
    task = await open_task(turn.tx, turn.chat)
    if task is None:
        return None
    if (task.answers or {}).get(KEPT) is None:
        return FOLLOW_UP
    return QUESTIONNAIRE if await is_being_filled(turn.tx, turn.chat, task) else None


async def _turn_to_what_is_meant(turn: Turn) -> None:
    """An answer that is tapped, or names another child, goes to that follow-up, whichever was being asked."""
    tap = tapped(turn.message.menu_id if turn.message is not None else None)
    if tap is not None and tap[0] != turn.chat.task_id:
        task = await turn.tx.get(Task, tap[0])
        if task is not None and task.state in TALKING and task.chat_id == turn.chat.id:
            turn_to(turn.chat, task)
    elif len(turn.patients) > 1 and len(meant := [each for each in turn.patients if each.name in turn.text]) == 1:
        current = await open_task(turn.tx, turn.chat)
        if current is None or current.patient_id != meant[0].id:
            other = await of_child(turn.tx, turn.chat, meant[0], turn.now)
            if other is not None:
                turn_to(turn.chat, other)
