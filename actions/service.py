"""A person is wanted, a complaint, and stopping or resuming the follow-up messages."""

import re
from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.answer import is_certain, not_understood
from actions.speech import keep, rest, say
from actions.turn import Turn, turn_of
from plans import consent
from records.patient import Carer

# What can be stopped here; 这药停了一周 is about something else.
_MESSAGES = re.compile(r"消息|发|随访|提醒|推送|扰|订|联系|问|退出|参加|服务|删|黑|td|stop", re.I)


class Human(Action):
    """Asks the bot to hand over, which then says who is coming; what was said beside it is still written down."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_human"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Hand over after this turn."""
        async with turn_of(tracker) as turn:
            kept = await keep(turn, dispatcher)
            turn.wants_human = "request"
        if kept is not None:
            say(dispatcher, kept.echo)
        return rest()


class Complaint(Action):
    """A complaint goes to a person, not to a bot."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_complaint"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Apologise and hand over after this turn."""
        async with turn_of(tracker) as turn:
            await keep(turn, dispatcher)
            turn.wants_human = "complaint"
        dispatcher.utter_message(response="utter_complaint")
        return rest()


class Stop(Action):
    """Asks once whether the family means it; said twice, it is meant."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_stop"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Confirm, or stop."""
        if (tracker.get_slot("pending") or {}).get("kind") == "stop":
            async with turn_of(tracker) as turn:
                return await stop_messages(turn, dispatcher, {})
        if not is_certain(tracker) and not _MESSAGES.search(tracker.latest_message.get("text") or ""):
            return not_understood(tracker, dispatcher)
        dispatcher.utter_message(response="utter_confirm_stop")
        return [SlotSet("pending", {"kind": "stop"}), *rest()]


class Resume(Action):
    """The family wants to be asked again."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_resume"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Resume."""
        async with turn_of(tracker) as turn:
            carer = await _carer(turn)
            told = await consent.resume(turn.tx, carer, turn.now) if carer is not None else None
        if told is not None:
            dispatcher.utter_message(text=told)
        else:
            dispatcher.utter_message(response="utter_no_patient")
        return [SlotSet("pending", None)]


async def stop_messages(turn: Turn, dispatcher: Any, pending: dict[str, Any]) -> list[dict[str, Any]]:
    """Stop all follow-up messages to this family, and say so."""
    carer = await _carer(turn)
    turn.stop = True
    if carer is not None:
        dispatcher.utter_message(text=await consent.stop(turn.tx, carer, turn.now))
    else:
        dispatcher.utter_message(response="utter_nothing_to_stop")
    return [SlotSet("pending", None), *rest()]


async def _carer(turn: Turn) -> Carer | None:
    return await turn.tx.get(Carer, turn.chat.carer_id) if turn.chat.carer_id is not None else None
