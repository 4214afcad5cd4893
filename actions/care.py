"""Reports that nobody asked for, and which child is meant."""

from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.answer import answer, answer_topic, is_bare, not_understood, nothing_open, offer_nurse, say_article
from actions.chart import tell_chart
from actions.clarify import clarify
from actions.speech import CORRECT, alarm, asserted, judged, safety_said, say, says_something
from actions.turn import Turn, turn_of, understand_about
from actions.which import ask_which, chosen, invite_to_bind
from plans.follow_up import Report, report
from plans.question import ask_of, buttons_of
from plans.queue import go_on
from plans.wording import say as wording
from tagging.topic import asks

# A text that only names a child is no longer than this.
BARE = 6


class ReportFindings(Action):
    """Writes a spontaneous report down, says back what was understood, and what to do next."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_report"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Report, or ask first which child is meant."""
        async with turn_of(tracker) as turn:
            if turn.patient is None:
                return ask_which(turn, dispatcher, tracker)
            return await tell_report(turn, dispatcher, tracker)


class CorrectReport(Action):
    """Takes back what was said before: at once with the right value, or after asking for it."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_correct"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Correct, or ask what is right."""
        async with turn_of(tracker) as turn:
            if turn.patient is None and (says_something(turn) or turn.understanding.questions):
                return ask_which(turn, dispatcher, tracker)
            if says_something(turn) or turn.understanding.questions:
                return await tell_report(turn, dispatcher, tracker)
        dispatcher.utter_message(response="utter_what_is_right")
        return [SlotSet("pending", {"kind": CORRECT})]


class NotUnderstood(Action):
    """The model knows no intent: what the language rules find is taken, the rest is kept as it was written."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_not_understood"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Take and answer what can be, else say so."""
        async with turn_of(tracker) as turn:
            if turn.patient is not None:
                return await tell_report(turn, dispatcher, tracker)
            events = await answer(turn, dispatcher)
        return not_understood(tracker, dispatcher) if events is None else events


class ChoosePatient(Action):
    """The family says which of its children is meant; a report that waited for it is taken now."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_choose_patient"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Choose, and go on with the report, or with what was asked."""
        pending = tracker.get_slot("pending") or {}
        waiting = pending.get("text") if pending.get("kind") == "which_patient" else None
        async with turn_of(tracker) as turn:
            patient = chosen(turn)
            if patient is None:
                if len(turn.patients) < 2:
                    return await _only_child(turn, dispatcher, tracker)
                return ask_which(turn, dispatcher, tracker, said=None)
            turn.patient = patient
            turn.chat.patient_id = patient.id
            then = pending.get("then")
            if then and (waiting or not says_something(turn)):
                if waiting:
                    await _judge_again(turn, dispatcher, waiting)
                else:
                    turn.text = pending.get("asked") or turn.text
                    turn.understanding = await understand_about(turn.tx, patient, turn.text, now=turn.now, zone=turn.zone)
                events = await tell_chart(then, turn, dispatcher, tracker, again=not waiting)
            elif waiting:
                beside = f"，{turn.text}" if says_something(turn) else ""
                events = await _take_up(turn, dispatcher, tracker, waiting + beside)
            elif says_something(turn):
                events = await tell_report(turn, dispatcher, tracker)
            else:
                events = []
                dispatcher.utter_message(response="utter_patient_chosen", name=patient.name)
            return [SlotSet("pending", None), *events]


async def tell_report(turn: Turn, dispatcher: Any, tracker: Any) -> list[dict[str, Any]]:
    """Take the turn's words as a report about `turn.patient`; a question in it is answered too."""
    if turn.patient is None:
        return []
    told = await report(
        turn.tx,
        turn.patient,
        asserted(turn),
        message_id=turn.message_id,
        text=turn.text,
        now=turn.now,
        zone=turn.zone,
        corrects=(tracker.get_slot("pending") or {}).get("kind") == CORRECT,
    )
    say(dispatcher, told.echo)
    await alarm(turn, dispatcher, told.alert, patient=turn.patient, others=told.others)
    if not told.understood and not told.ask_back:
        events = await answer(turn, dispatcher)
        if events is None:
            bare = is_bare(turn.text)
            return nothing_open(turn, tracker, dispatcher) if bare else not_understood(tracker, dispatcher)
        return events
    events = await answer_topic(turn, dispatcher)
    if events is not None:
        say(dispatcher, told.ask_back)
        return events
    if asks(turn.text) and await say_article(turn, dispatcher, rate=not told.ask_back):
        say(dispatcher, told.ask_back)
        return []
    quiet = told.alert is None and not told.ask_back and not told.answered and not asks(turn.text)
    if quiet and await clarify(turn, dispatcher, tracker):
        return []
    events = await _go_on(turn, dispatcher, tracker, told)
    if asks(turn.text) and not told.ask_back and turn.triage.level == "routine":
        events += offer_nurse(dispatcher, "utter_not_sure", turn.text)
    return events


async def _go_on(turn: Turn, dispatcher: Any, tracker: Any, told: Report) -> list[dict[str, Any]]:
    """Ask back or say the next step; the follow-up that took part of it goes on, or the next one that waits here."""
    question = told.next if told.answered and turn.patient is not None else None
    following = ask_of(question, turn.patient) if question is not None and turn.patient is not None else None
    buttons = buttons_of(told.task, question) if told.task is not None and question is not None else ()
    then = await go_on(turn.tx, turn.chat, now=turn.now, zone=turn.zone, several=len(turn.patients) > 1) if told.finished else None
    if then is not None:
        following, buttons = then.text, then.buttons
    events: list[dict[str, Any]] = []
    safety = None if told.finished else told.safety
    if safety:
        if safety_said(turn, tracker):
            safety = wording("report.safety_again") if turn.triage.level == "routine" else ""
        else:
            events.append(SlotSet("safety_at", turn.now.isoformat()))
    step = None if told.finished or told.ask_back else told.next_step
    if not events and step == wording("report.symptom"):
        step = ""
    step = (step or "") + (safety or "")
    say(dispatcher, told.ask_back, told.closing if then is None else None, step, following, buttons=buttons)
    return events


async def _only_child(turn: Turn, dispatcher: Any, tracker: Any) -> list[dict[str, Any]]:
    """A child was named where there is no choice: what is said of it is a report."""
    if not turn.patients:
        return invite_to_bind(dispatcher, tracker)
    if says_something(turn) or len(turn.text.strip()) > BARE:
        return await tell_report(turn, dispatcher, tracker)
    dispatcher.utter_message(response="utter_one_patient")
    return []


async def _take_up(turn: Turn, dispatcher: Any, tracker: Any, text: str) -> list[dict[str, Any]]:
    """Take the words that waited as a report about the chosen child, judged with what is known of him."""
    await _judge_again(turn, dispatcher, text)
    return await tell_report(turn, dispatcher, tracker)


async def _judge_again(turn: Turn, dispatcher: Any, text: str) -> None:
    """The turn is about words that waited; what they call for now that the child is known is raised and said."""
    if turn.patient is None:
        return
    turn.text = text
    turn.understanding = await understand_about(turn.tx, turn.patient, text, now=turn.now, zone=turn.zone)
    turn.triage = turn.understanding.triage
    say(dispatcher, await judged(turn, turn.patient))
