"""What the hospital's data say: the next visit and what to prepare, medicines, results; and a wish for another day, put to the team."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.answer import answer_topic
from actions.speech import keep, rest, say, says_something, tell_asked
from actions.turn import Turn, turn_of
from actions.which import ask_which, invite_to_bind
from plans import visit
from plans.ask_team import ask_team
from plans.chart import asks_about, clip
from plans.chart import say as wording
from plans.follow_up import Report
from plans.lab_report import tell_results
from plans.prescription import list_medicines, quote_named
from records.appointment import Appointment
from records.patient import Patient
from tagging.topic import find_topic

# What is pending while a family says for when it wants its visit.
RESCHEDULE = "reschedule"
# As much of a wish as is quoted on a card.
WISH = 100
# With these intents a text never means for when the visit is wished.
_CONCERNS = frozenset({"human", "complaint", "stop_messages", "resume_messages", "withdraw_consent", "abuse", "bind_child"})
# Words that the model takes for one of these are taken for the wish, though no day or hour is in them.
_GUESSED = frozenset({"nlu_fallback", "out_of_scope", "report", "task_cannot", "task_not_yet"})

Pending = dict[str, Any] | None
Tell = Callable[[Turn, Patient, Any, Pending], Awaitable[Pending]]


class TellAppointment(Action):
    """The next visit; of registering and fees only the hospital's desk knows."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_appointment"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Leave to the doctor what is the doctor's, else tell."""
        async with turn_of(tracker) as turn:
            if find_topic(turn.text, turn.understanding.medicines) is not None:
                await _keep(turn, dispatcher)
                return await answer_topic(turn, dispatcher) or []
            own = asks_about("own_visit", turn.text)
            if asks_about("desk_visit", turn.text) or not (own or asks_about("asks_day", turn.text)):
                await _desk(turn, dispatcher)
                return []
            return await tell_chart("visit", turn, dispatcher, tracker)


class TellPreparation(Action):
    """What to bring to a visit, and whether to fast."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_prepare_visit"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Tell, or ask first which child is meant."""
        async with turn_of(tracker) as turn:
            return await tell_chart("prepare", turn, dispatcher, tracker)


class TellMedicines(Action):
    """What is prescribed, word for word, and what of it is due today."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_medicines"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Tell, or ask first which child is meant."""
        async with turn_of(tracker) as turn:
            return await tell_chart("medicines", turn, dispatcher, tracker)


class TellResults(Action):
    """Released results."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_results"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Tell, or ask first which child is meant."""
        async with turn_of(tracker) as turn:
            if asks_about("desk_result", turn.text):
                dispatcher.utter_message(response="utter_results_desk")
                return []
            return await tell_chart("results", turn, dispatcher, tracker)


class Reschedule(Action):
    """Another day for a visit: which one, for when, and on to the team, who alone can move it."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_reschedule"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask once for the wish, or put it to the team."""
        pending = tracker.get_slot("pending") or {}
        async with turn_of(tracker) as turn:
            same = turn.patient is None or turn.patient.id == pending.get("patient")
            if pending.get("kind") == RESCHEDULE and same and not _tapped(turn):
                await _keep(turn, dispatcher)
                wish = "；".join(said for said in (pending.get("wish"), turn.text) if said)
                return await put_request(turn, dispatcher, {**pending, "wish": wish})
            return await tell_chart(RESCHEDULE, turn, dispatcher, tracker)


async def tell_chart(about: str, turn: Turn, dispatcher: Any, tracker: Any, *, again: bool = False) -> list[dict[str, Any]]:
    """Answer from the chart of the child that is meant; a report in the same words is written down first.

    Where there are several children, the name of another one brings the same about that one, `again`: what was reported with the
    question is not that one's.
    """
    kept = None if again else await _keep(turn, dispatcher)
    if kept is not None:
        say(dispatcher, kept.echo, kept.ask_back)
    if not turn.patients:
        return invite_to_bind(dispatcher, tracker)
    if turn.patient is None:
        return ask_which(turn, dispatcher, tracker, then=about)
    pending = await TELL[about](turn, turn.patient, dispatcher, tracker.get_slot("pending"))
    if len(turn.patients) > 1:
        pending = {"kind": "chart", **(pending or {}), "then": about, "asked": turn.text}
    return [SlotSet("pending", pending)] if pending is not None else []


async def put_request(turn: Turn, dispatcher: Any, pending: dict[str, Any]) -> list[dict[str, Any]]:
    """Bring the wish to the team, and say truthfully that nothing is moved yet and who is there."""
    visits = [each for id in pending.get("visits", []) if (each := await turn.tx.get(Appointment, id)) is not None]
    known = visit.listed(visits, turn.now, turn.zone) if visits else wording("team.on_file_none")
    wish = clip(pending.get("wish") or wording("team.talk"), WISH)
    text = wording("team.request", wish=wish, visits=known)
    patient_id, because = pending.get("patient"), wording("team.because")
    await ask_team(turn.tx, turn.chat, patient_id, text, message_id=turn.message_id, now=turn.now, because=because)
    tell_asked(turn, dispatcher, "reschedule")
    return [SlotSet("pending", None), *rest()]


def is_wish(turn: Turn, read: str) -> bool:
    """Whether the words say for when the visit is wished, after that was asked; `read` is the intent that they have by themselves."""
    text = turn.text
    if read in _CONCERNS or asks_about("keeps_visit", text) or (asks_about("messages", text) and not asks_about("visits", text)):
        return False
    if says_something(turn) and not asks_about("moves", text):
        return False
    return asks_about("when", text) or read in _GUESSED or read == RESCHEDULE


def _tapped(turn: Turn) -> bool:
    """Whether 改时间 was tapped, which is no wish by itself."""
    return turn.message is not None and turn.message.menu_id == RESCHEDULE


async def _keep(turn: Turn, dispatcher: Any) -> Report | None:
    """Write down what is told beside the question; a medicine in it is asked about, not used."""
    return await keep(replace(turn, understanding=replace(turn.understanding, medicines=())), dispatcher)


async def _desk(turn: Turn, dispatcher: Any) -> None:
    """What the desk knows; beside it the visit that is booked, when the question is about that one."""
    await _keep(turn, dispatcher)
    if turn.patient is not None and asks_about("own_visit", turn.text):
        say(dispatcher, await visit.next_visit(turn.tx, turn.patient, turn.text, turn.now, turn.zone))
    dispatcher.utter_message(response="utter_appointment")


async def _visit(turn: Turn, patient: Patient, dispatcher: Any, _: Pending) -> Pending:
    told = await visit.next_visit(turn.tx, patient, turn.text, turn.now, turn.zone)
    if told is None:
        dispatcher.utter_message(response="utter_chart_nurse", body=wording("visit.none", name=clip(patient.name)))
    else:
        dispatcher.utter_message(response="utter_visit", body=told)
    return None


async def _prepare(turn: Turn, patient: Patient, dispatcher: Any, _: Pending) -> Pending:
    if asks_about("changes", turn.text) or asks_about("visit_medicine", turn.text):
        dispatcher.utter_message(response="utter_for_doctor_medicine")
        return {"kind": "ask_nurse", "question": turn.text}
    told = await visit.prepare(turn.tx, patient, turn.text, turn.now, turn.zone)
    dispatcher.utter_message(response="utter_chart_nurse", body=told)
    return None


async def _medicines(turn: Turn, patient: Patient, dispatcher: Any, _: Pending) -> Pending:
    text, mentions = turn.text, turn.understanding.medicines
    if asks_about("changes", text) or (asks_about("permission", text) and not asks_about("lists", text)):
        dispatcher.utter_message(response="utter_for_doctor_medicine")
        return {"kind": "ask_nurse", "question": text}
    told = await quote_named(turn.tx, patient, text, mentions, turn.now, turn.zone)
    known = next((mention.text for mention in mentions if mention.generic is not None), None)
    if told is None and known is not None:
        dispatcher.utter_message(response="utter_ask_doctor", body=wording("medicine.not_found", name=clip(patient.name), medicine=known))
        return {"kind": "ask_nurse", "question": text}
    told = told or await list_medicines(turn.tx, patient, turn.now, turn.zone)
    dispatcher.utter_message(response="utter_chart_nurse", body=told or wording("medicine.none", name=clip(patient.name)))
    return None


async def _results(turn: Turn, patient: Patient, dispatcher: Any, _: Pending) -> Pending:
    told = await tell_results(turn.tx, patient, turn.text, turn.now, turn.zone)
    dispatcher.utter_message(response="utter_ask_doctor" if told.question else "utter_chart_nurse", body=told.text)
    return {"kind": "ask_nurse", "question": told.question} if told.question else None


async def _reschedule(turn: Turn, patient: Patient, dispatcher: Any, _: Pending) -> Pending:
    text = turn.text
    if asks_about("messages", text) and not asks_about("visits", text):
        dispatcher.utter_message(response="utter_reschedule_messages")
        return {"kind": "ask_nurse", "question": text}
    visits = visit.named_visits(await visit.movable(turn.tx, patient, turn.now, turn.zone), text, turn.now, turn.zone)
    listed, past = visit.listed(visits, turn.now, turn.zone), any(each.starts_at < turn.now for each in visits)
    key = "reschedule.none" if not visits else "reschedule.past" if past else "reschedule.which"
    which = wording(key, name=clip(patient.name), visits=listed)
    pending = {"kind": RESCHEDULE, "patient": patient.id, "visits": [each.id for each in visits]}
    if asks_about("when", text) and not _tapped(turn):
        body = which + wording("reschedule.confirm", wish=clip(text, WISH))
        dispatcher.utter_message(response="utter_reschedule_confirm", body=body)
        return {**pending, "wish": text}
    dispatcher.utter_message(response="utter_reschedule_ask", body=which + wording("reschedule.ask"))
    return pending


TELL: dict[str, Tell] = {
    "visit": _visit,
    "prepare": _prepare,
    "medicines": _medicines,
    "results": _results,
    RESCHEDULE: _reschedule,
}
