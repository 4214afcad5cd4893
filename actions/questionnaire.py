"""The questionnaire's form: its items stand in the questionnaire, its answers are read by our parser, Rasa only keeps the thread."""

import re
from datetime import datetime
from typing import Any

from rasa_sdk import Action, FormValidationAction
from rasa_sdk.events import SlotSet

from actions.speech import alarm, say, taken_up_again
from actions.turn import Turn, turn_of
from plans.answer import TRIES
from plans.questionnaire import Item, Questionnaire
from plans.questionnaire_answer import read_answer
from plans.questionnaire_response import assigned_to, begin, end, form_of, item_words, keep, next_item, on_offer, open_response, take_up
from plans.questionnaire_task import filled_in, item_answered
from plans.queue import go_on
from plans.wording import say as wording
from plans.wording import words
from records.patient import Patient
from records.questionnaire import QuestionnaireResponse

FORM = "questionnaire_form"
# The value of the slot `item` when nothing more is asked: the form ends. What is half done waits in its table.
OVER = "over"
# What is said beside the answers and not to the open item; everything else that cannot be read is asked again.
UNCLEAR = frozenset({"nlu_fallback", "affirm", "deny", "task_done", "go_on", "report", "out_of_scope", "choose_patient"})
MENU = re.compile(r"item_(?P<response>\d+)_(?P<item>\w+)_(?P<value>\d+)")


class StartQuestionnaire(Action):
    """Makes room for the form, which then asks."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_start_questionnaire"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Forget how the last one ended."""
        return [SlotSet("item", None)]


class ValidateQuestionnaireForm(FormValidationAction):
    """One slot, `item`, is asked for as long as there are open items."""

    def name(self) -> str:
        """As Rasa derives it from the form's name."""
        return f"validate_{FORM}"

    async def extract_item(self, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """Let our parser decide whether this is an answer; {} when it is something else, which a rule then sees to."""
        if taken_up_again(tracker, FORM):
            return {}
        async with turn_of(tracker) as turn:
            response = await open_response(turn.tx, turn.chat)
            if response is None:
                return await _choose(turn, tracker)
            return await _take(turn, dispatcher, tracker, response)

    def validate_item(self, value: Any, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """The parser has decided already."""
        return {"item": value}


class AskItem(Action):
    """Asks the open item; at first it begins what was chosen, what a clinician wants, or the only one on offer."""

    def name(self) -> str:
        """As Rasa derives it from form and slot."""
        return f"action_ask_{FORM}_item"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask."""
        async with turn_of(tracker) as turn:
            response = await take_up(turn.tx, turn.chat, now=turn.now)
            again = response is not None and _intent(tracker) == "start_questionnaire" and _is_taken_up(response, turn.now)
            if response is None:
                wanted = await _wanted(turn)
                if len(wanted) > 1:
                    buttons = [{"title": each.title, "payload": f"questionnaire_{each.id}"} for each in wanted]
                    dispatcher.utter_message(response="utter_which_questionnaire", buttons=buttons)
                    return []
                response = await begin(turn.tx, turn.chat, turn.patient, wanted[0], now=turn.now)
            _ask(turn, dispatcher, response, again=again or taken_up_again(tracker, FORM))
        return []


async def _wanted(turn: Turn) -> list[Questionnaire]:
    """What the family can choose from; what a clinician has put on its list goes first, alone."""
    assigned = await assigned_to(turn.tx, [turn.patient] if turn.patient is not None else [])
    return [form_of(assigned[0])] if assigned else on_offer(turn.patient, turn.now, turn.zone)


async def _choose(turn: Turn, tracker: Any) -> dict[str, Any]:
    """The questionnaire that was tapped or named begins; {} when none was."""
    menu_id = (turn.message.menu_id if turn.message is not None else None) or ""
    offered = await _wanted(turn)
    chosen = [each for each in offered if menu_id == f"questionnaire_{each.id}" or turn.text.strip() in (each.title, each.id)]
    if len(chosen) != 1:
        return {} if _passes(turn, tracker) else {"item": OVER if _puts_off(turn) else None}
    await begin(turn.tx, turn.chat, turn.patient, chosen[0], now=turn.now)
    return {"item": None}


async def _take(turn: Turn, dispatcher: Any, tracker: Any, response: QuestionnaireResponse) -> dict[str, Any]:
    """Keep the answer, or see what else was said; the slot's value says whether there is more to ask."""
    form, item = form_of(response), next_item(response)
    value: int | str | None
    if (tapped := _tapped(turn, form, response)) is not None:
        item, value = tapped
    elif item is None or _puts_off(turn):
        dispatcher.utter_message(response="utter_questionnaire_later")
        return {"item": OVER}
    elif _intent(tracker) == "skip" or (value := _read(turn, tracker, form, item)) is None:
        if _intent(tracker) != "skip":
            return _unread(turn, dispatcher, tracker, response)
        value = None
    patient = await _patient(turn, response)
    alert = keep(response, item, value, now=turn.now)
    await item_answered(turn.tx, turn.chat, response, now=turn.now)
    if alert is not None and patient is not None:
        await alarm(turn, dispatcher, alert, patient=patient)
    return {"item": None if next_item(response) is not None else await _end(turn, dispatcher, response, patient)}


async def _end(turn: Turn, dispatcher: Any, response: QuestionnaireResponse, patient: Patient | None) -> str:
    task = await filled_in(turn.tx, turn.chat, response, now=turn.now)
    ended = await end(turn.tx, response, patient, now=turn.now)
    then = await go_on(turn.tx, turn.chat, now=turn.now, zone=turn.zone, several=len(turn.patients) > 1) if task is not None else None
    if ended.alert is not None and patient is not None:
        await alarm(turn, dispatcher, ended.alert, patient=patient)
    elif ended.offer_call:
        dispatcher.utter_message(text=ended.closing, buttons=[{"title": wording("questionnaire.call"), "payload": "human"}])
    else:
        say(dispatcher, ended.closing)
    if then is not None:
        say(dispatcher, then.text, buttons=then.buttons)
    return OVER


def _read(turn: Turn, tracker: Any, form: Questionnaire, item: Item) -> int | str | None:
    """The answer in the turn's words; of free words, only what is not surely something else."""
    if item.kind == "text" and _intent(tracker) in ("human", "complaint", "stop_messages"):
        return None
    return read_answer(form, item, turn.text)


def _unread(turn: Turn, dispatcher: Any, tracker: Any, response: QuestionnaireResponse) -> dict[str, Any]:
    if _passes(turn, tracker):
        return {}
    response.tried += 1
    if response.tried >= TRIES:
        dispatcher.utter_message(response="utter_three_failures")
    else:
        dispatcher.utter_message(response="utter_questionnaire_unread")
    return {"item": None}


def _passes(turn: Turn, tracker: Any) -> bool:
    """Whether the utterance is another concern, which a rule sees to: another intent, or something to write down."""
    return _intent(tracker) not in UNCLEAR or bool(turn.understanding.measurements or turn.understanding.symptoms)


def _puts_off(turn: Turn) -> bool:
    return any(word in turn.text for word in words("questionnaire")["later_words"])


def _tapped(turn: Turn, form: Questionnaire, response: QuestionnaireResponse) -> tuple[Item, int] | None:
    """The item and value of a tapped option of this very response, the open item's or an earlier one's, which is then put right."""
    menu_id = (turn.message.menu_id if turn.message is not None else None) or ""
    match = MENU.fullmatch(menu_id)
    item = form.item(match["item"]) if match and int(match["response"]) == response.id else None
    if match is None or item is None:
        return None
    open_item = next_item(response)
    return (item, int(match["value"])) if item.id in response.answers or (open_item and open_item.id == item.id) else None


async def _patient(turn: Turn, response: QuestionnaireResponse) -> Patient | None:
    if response.patient_id is None:
        return turn.patient
    return next((p for p in turn.patients if p.id == response.patient_id), None) or await turn.tx.get(Patient, response.patient_id)


def _intent(tracker: Any) -> str:
    return str(tracker.latest_message["intent"]["name"])


def _is_taken_up(response: QuestionnaireResponse, now: datetime) -> bool:
    """Whether it was begun before this turn: 满意, tapped, may look to the model like a wish for a questionnaire."""
    return bool(response.answers) and all(each["at"] != now.isoformat() for each in response.answers.values())


def _ask(turn: Turn, dispatcher: Any, response: QuestionnaireResponse, *, again: bool) -> None:
    patient = next((p for p in turn.patients if p.id == response.patient_id), turn.patient)
    text, buttons = item_words(response, patient, again=again)
    say(dispatcher, text, buttons=buttons)
