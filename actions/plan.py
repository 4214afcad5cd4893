"""What is planned, how things have gone, and a pause."""

from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.care import tell_report
from actions.speech import keep, rest, say
from actions.turn import turn_of
from plans.pause import days_of, pause
from plans.trend import named_vital, trend
from plans.upcoming import upcoming
from records.patient import Carer

# Menu ids of a pause: pause_3 is three days.
PAUSE = "pause_"


class AskTrend(Action):
    """How weight, temperature or another vital has gone."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_trend"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Tell it of the child that is meant, or of each while that is open."""
        async with turn_of(tracker) as turn:
            if turn.patient is not None and turn.understanding.symptoms and named_vital(turn.text) is None:
                # 上周咳嗽过 is about no number.
                return await tell_report(turn, dispatcher, tracker)
            await keep(turn, dispatcher)
            about = [turn.patient] if turn.patient is not None else turn.patients
            told = [await trend(turn.tx, patient, named_vital(turn.text), now=turn.now, zone=turn.zone) for patient in about]
        if not told:
            dispatcher.utter_message(response="utter_no_patient")
        say(dispatcher, *told)
        return []


class AskPlan(Action):
    """Which follow-ups are still to come."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_plan"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """List them."""
        async with turn_of(tracker) as turn:
            lines = await upcoming(turn.tx, turn.patients, turn.now, turn.zone)
        if not lines:
            dispatcher.utter_message(response="utter_nothing_planned")
        say(dispatcher, "\n".join(lines))
        return []


class Pause(Action):
    """No follow-ups for some days; how many is asked when it was not said."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_pause"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Pause, or ask for how long."""
        async with turn_of(tracker) as turn:
            carer = await turn.tx.get(Carer, turn.chat.carer_id) if turn.chat.carer_id is not None else None
            menu_id = (turn.message.menu_id if turn.message is not None else None) or ""
            tapped = menu_id.removeprefix(PAUSE) if menu_id.startswith(PAUSE) else ""
            days = int(tapped) if tapped.isascii() and tapped.isdigit() else days_of(turn.text)
            if carer is None:
                dispatcher.utter_message(response="utter_nothing_to_stop")
            elif days is None:
                dispatcher.utter_message(response="utter_pause_how_long")
                return [SlotSet("pending", None), *rest()]
            else:
                turn.stop = True
                say(dispatcher, await pause(turn.tx, carer, days, now=turn.now, zone=turn.zone))
        return [SlotSet("pending", None), *rest()]
