"""Forms that wait for an answer as long as our tables say so; other forms live in the conversation alone."""

from actions.turn import Turn
from plans.binding import open_binding
from plans.follow_up import open_task

FOLLOW_UP, BINDING = "follow_up_form", "binding_form"
# The one slot of each.
SLOTS = {FOLLOW_UP: "answer", BINDING: "binding"}


async def open_form(turn: Turn) -> str | None:
    """The form whose turn it is: a binding that was begun, then a follow-up that was asked."""
    if await open_binding(turn.tx, turn.chat, turn.now) is not None:
        return BINDING
    return FOLLOW_UP if await open_task(turn.tx, turn.chat) is not None else None
