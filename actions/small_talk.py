"""Greetings, and yes and no to what the bot asked last."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.answer import is_bare, is_certain, nothing_open
from actions.care import tell_report
from actions.chart import put_request
from actions.earlier import keep_earlier
from actions.privacy import withdraw
from actions.service import stop_messages
from actions.speech import rest, says_something, tell_asked
from actions.turn import Turn, turn_of
from plans.ask_team import ask_team

# 可以啊麻烦了: a yes of a few more characters.
SHORT = 6
# A long yes is a yes to the offer only where it says so: 好的，那我再观察观察 is none.
_MEANT = re.compile(r"护士|人工|帮我|转|麻烦|停|要的")
_UNDECIDED = re.compile(r"观察|看看|考虑|先不|再说|等等")


Confirmed = Callable[[Turn, Any, dict[str, Any]], Awaitable[list[dict[str, Any]]]]
# What a yes does, and what a no says, by what was asked.
CONFIRMED: dict[str, Confirmed] = {"stop": stop_messages, "withdraw": withdraw, "earlier": keep_earlier, "reschedule": put_request}
LEFT = {
    "stop": "utter_not_stopped",
    "withdraw": "utter_not_withdrawn",
    "earlier": "utter_not_earlier",
    "reschedule": "utter_not_rescheduled",
}


class Greet(Action):
    """Says once who is speaking, later just good day."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_greet"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Greet; `introduced` remembers the first time."""
        dispatcher.utter_message(response="utter_greet" if tracker.get_slot("introduced") else "utter_introduce")
        return [SlotSet("introduced", True)]


class Affirm(Action):
    """Yes to the pending question; without one it is just a nod."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_affirm"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Do what was offered."""
        pending = tracker.get_slot("pending") or {}
        async with turn_of(tracker) as turn:
            meant = is_bare(turn.text) or len(turn.text.strip()) <= SHORT or (_MEANT.search(turn.text) and not _UNDECIDED.search(turn.text))
            if pending.get("kind") in CONFIRMED and meant:
                return await CONFIRMED[pending["kind"]](turn, dispatcher, pending)
            if pending.get("kind") == "ask_nurse" and meant:
                return await _ask_nurse(turn, dispatcher, pending.get("question"))
            # 是的 after 385是38.5℃吗？ is a reading.
            if turn.understanding.measurements or (not is_bare(turn.text) and not is_certain(tracker)):
                return await _told(turn, dispatcher, tracker)
        dispatcher.utter_message(response="utter_affirm")
        return []


class Deny(Action):
    """No to the pending question."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_deny"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Leave it."""
        pending = tracker.get_slot("pending") or {}
        async with turn_of(tracker) as turn:
            if not pending:
                return await _told(turn, dispatcher, tracker)
        dispatcher.utter_message(response=LEFT.get(pending.get("kind", ""), "utter_deny"))
        return [SlotSet("pending", None)]


async def _ask_nurse(turn: Turn, dispatcher: Any, question: str | None) -> list[dict[str, Any]]:
    """Bring the question to the team, and say truthfully who is there; without one, call a person."""
    if question is None:
        turn.wants_human = "question"
    else:
        await ask_team(turn.tx, turn.chat, turn.patient.id if turn.patient else None, question, message_id=turn.message_id, now=turn.now)
        tell_asked(turn, dispatcher, "question")
    return [SlotSet("pending", None), *rest()]


async def _told(turn: Turn, dispatcher: Any, tracker: Any) -> list[dict[str, Any]]:
    """What a yes or no without a question says beside it."""
    if turn.patient is not None and says_something(turn):
        return await tell_report(turn, dispatcher, tracker)
    return nothing_open(turn, tracker, dispatcher)
