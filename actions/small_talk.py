"""Greetings, and yes and no to what the bot asked last."""

from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.service import stop_messages
from actions.speech import rest
from actions.turn import turn_of


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
            if pending.get("kind") == "stop":
                return await stop_messages(turn, dispatcher)
            if pending.get("kind") == "ask_nurse":
                turn.wants_human = "question"
                dispatcher.utter_message(response="utter_nurse_will_answer")
                return [SlotSet("pending", None), *rest()]
        dispatcher.utter_message(response="utter_affirm")
        return []


class Deny(Action):
    """No to the pending question."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_deny"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Leave it."""
        stop = (tracker.get_slot("pending") or {}).get("kind") == "stop"
        dispatcher.utter_message(response="utter_not_stopped" if stop else "utter_deny")
        return [SlotSet("pending", None)]
