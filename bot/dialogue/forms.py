"""Forms that wait for an answer as long as our tables say so; other forms live in the conversation alone."""

from actions.turn import Turn
from plans.binding import open_binding
from plans.clarify_talk import open_clarification
from plans.follow_up import open_task

FOLLOW_UP, BINDING, CLARIFY = "follow_up_form", "binding_form", "clarify_form"
# The one slot of each.
SLOTS = {FOLLOW_UP: "answer", BINDING: "binding", CLARIFY: "clarified"}


async def open_form(turn: Turn) -> str | None:
    """The form whose turn it is: a binding that was begun, questions about a report, then a follow-up that was asked."""
    if await open_binding(turn.tx, turn.chat, turn.now) is not None:
        return BINDING
    if await open_clarification(turn.tx, turn.chat, turn.now) is not None:
        return CLARIFY
    return FOLLOW_UP if await open_task(turn.tx, turn.chat) is not None else None
