"""The form of clarifying questions: they stand in plans/clarify/, their answers are read by our parser, Rasa only keeps the thread."""

import re
from typing import Any

from rasa_sdk import Action, FormValidationAction

from actions.answer import answer_topic, is_bare, is_certain, say_article
from actions.speech import CORRECT, alarm, asserted, judged, keep, named, safety_said, say, says_something, taken_up_again
from actions.turn import Turn, turn_of, understand_about
from plans.answer import TRIES
from plans.clarify import ClarifyingQuestion, themes
from plans.clarify_read import Fact, leaves
from plans.clarify_talk import begin, end, open_clarification, open_question, put_off, read, take, take_up, told
from plans.finding import is_correction
from plans.follow_up import report
from plans.wording import say as wording
from records.clarification import Clarification
from records.flag import LEVELS
from records.patient import Patient
from tagging.topic import asks
from tagging.triage import UNCLEAR, WHO

FORM = "clarify_form"
# The value of the slot `clarified` when nothing more is asked: the form ends.
DONE = "done"
SEVERE = ("urgent", "emergency")
# With these the family wants something for which the questions are no longer in place.
ENDS = frozenset({"human", "complaint", "stop_messages", "pause_messages", "withdraw_consent", "start_questionnaire", "bind_child"})
# Guesses of the model at words that are no other concern by themselves; such words were simply not read.
GUESSED = frozenset({"affirm", "deny", "report", "choose_patient", "out_of_scope", "nlu_fallback", "task_done", "go_on"})
MENU = re.compile(r"clarify_(?P<row>\d+)__(?P<question>[a-z_]+)__(?P<choice>[a-z]+)")


class ValidateClarifyForm(FormValidationAction):
    """One slot, `clarified`, is asked for as long as a question is open."""

    def name(self) -> str:
        """As Rasa derives it from the form's name."""
        return f"validate_{FORM}"

    async def required_slots(self, domain_slots: list[str], dispatcher: Any, tracker: Any, domain: Any) -> list[str]:
        """`clarified` while something is asked or has just been answered, else nothing: the form ends."""
        if tracker.get_slot("clarified"):
            return domain_slots
        async with turn_of(tracker) as turn:
            return domain_slots if await open_clarification(turn.tx, turn.chat, turn.now) is not None else []

    async def extract_clarified(self, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """Let our parser decide whether this is an answer; {} when it is something else, which a rule then sees to."""
        if taken_up_again(tracker, FORM):
            return {}
        async with turn_of(tracker) as turn:
            row = await open_clarification(turn.tx, turn.chat, turn.now)
            patient = await _patient(turn, row) if row is not None else None
            if row is None or patient is None:
                return {}
            return await _hear(turn, dispatcher, tracker, domain, row, patient)

    def validate_clarified(self, value: Any, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """The parser has decided already; when the list of danger signs was said goes along."""
        return {"clarified": DONE, **value} if isinstance(value, dict) else {"clarified": value}


class AskClarified(Action):
    """Takes the question up again after something else came in between; otherwise the answer's own words have asked already."""

    def name(self) -> str:
        """As Rasa derives it from form and slot."""
        return f"action_ask_{FORM}_clarified"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask the open question again, unless a person comes anyway or a right value is waited for."""
        if not taken_up_again(tracker, FORM):
            return []
        async with turn_of(tracker) as turn:
            row = await open_clarification(turn.tx, turn.chat, turn.now)
            question = open_question(row) if row is not None else None
            corrects = (tracker.get_slot("pending") or {}).get("kind") == CORRECT
            if row is not None and question is not None and not turn.wants_human and not corrects:
                ask(turn, dispatcher, row, question, wording("clarify.again", ask=question.ask))
        return []


async def clarify(turn: Turn, dispatcher: Any, tracker: Any, *, form: str | None = None) -> bool:
    """Put the first question that this report calls for, if nothing else is asked in this turn; whether one was put.

    `form` is one that has just ended in it. Nothing is asked beside another form, in an emergency, or while triage itself asks back.
    A question about danger says when to ring; the next step waits for the end.
    """
    active = (tracker.active_loop or {}).get("name")
    if turn.patient is None or active not in (None, form) or turn.triage.level in SEVERE or turn.triage.variant in (UNCLEAR, WHO):
        return False
    now = turn.now.astimezone(turn.zone)
    row = await begin(turn.tx, turn.chat, turn.patient, asserted(turn), turn.text, message_id=turn.message_id, now=now)
    question = open_question(row) if row is not None else None
    if row is None or question is None:
        return False
    ask(turn, dispatcher, row, question, question.ask if question.danger else wording("clarify.more", ask=question.ask))
    return True


def ask(turn: Turn, dispatcher: Any, row: Clarification, question: ClarifyingQuestion, text: str = "") -> None:
    """Put the question, its choices as a menu; what else is said in this turn comes before it."""
    buttons = [{"title": choice.label, "payload": f"clarify_{row.id}__{question.id}__{choice.id}"} for choice in question.choices]
    dispatcher.utter_message(text=text or question.ask, buttons=buttons)
    turn.asks = True


async def _hear(turn: Turn, dispatcher: Any, tracker: Any, domain: Any, row: Clarification, patient: Patient) -> dict[str, Any]:
    """Answer, leave, or see what else was said; the slot's value says whether there is more to ask."""
    intent, question = str(tracker.latest_message["intent"]["name"]), open_question(row)
    now = turn.now.astimezone(turn.zone)
    if question is None or any(child.id != patient.id for child in named(turn)):
        await end(turn.tx, turn.chat, row, "superseded", now=now)
        return {}
    if turn.triage.level in SEVERE:
        # Act first: whoever takes the alert asks the rest.
        say(dispatcher, await judged(turn, patient))
        await keep(turn, dispatcher)
        await end(turn.tx, turn.chat, row, "danger", now=now)
        return {"clarified": DONE}
    tapped = _tapped(turn, row)
    if tapped is None and leaves(turn.text) and not says_something(turn):
        await end(turn.tx, turn.chat, row, "left", now=now)
        return _close(turn, dispatcher, tracker, row, wording("clarify.left"))
    facts = read(row, asserted(turn) if tapped is None else turn.understanding, turn.text, now=now, tapped=tapped)
    if tapped is None and intent in ENDS and not facts:
        await end(turn.tx, turn.chat, row, "left", now=now)
        return {}
    if tapped is None and intent in ("affirm", "deny") and tracker.get_slot("pending") is not None:
        return {}
    if tapped is None and not asks(turn.text):
        await put_off(turn.tx, turn.chat, row, patient, asserted(turn), turn.text, message_id=turn.message_id, now=now)
    if not facts and intent == "skip":
        facts = {question.id: Fact(turn.text[:20], wording("clarify.unknown", name=question.name))}
    if facts:
        return await _answered(turn, dispatcher, tracker, row, patient, facts)
    return await _unread(turn, dispatcher, tracker, domain, row, question)


async def _answered(
    turn: Turn, dispatcher: Any, tracker: Any, row: Clarification, patient: Patient, facts: dict[str, Fact]
) -> dict[str, Any]:
    now = turn.now.astimezone(turn.zone)
    said = asserted(turn)
    if says_something(turn) or said.symptoms or said.questions:
        corrects = (tracker.get_slot("pending") or {}).get("kind") == CORRECT
        kept = await report(
            turn.tx,
            patient,
            said,
            message_id=turn.message_id,
            text=turn.text,
            now=turn.now,
            zone=turn.zone,
            corrects=corrects,
        )
        await alarm(turn, dispatcher, kept.alert, patient=patient)
        # What was put right is said back; of answers the summary does that.
        say(dispatcher, kept.echo if corrects or is_correction(turn.text) else None, kept.ask_back, kept.closing if kept.finished else None)
        if kept.alert is not None and kept.alert.level in SEVERE:
            await take(turn.tx, row, patient, facts, message_id=turn.message_id, now=now)
            await end(turn.tx, turn.chat, row, "danger", now=now)
            return {"clarified": DONE}
    following = await take(turn.tx, row, patient, facts, message_id=turn.message_id, now=now)
    if await _judged_in_full(turn, dispatcher, patient, facts, told(row)):
        await end(turn.tx, turn.chat, row, "danger", now=now)
        return {"clarified": DONE}
    if asks(turn.text) and await answer_topic(turn, dispatcher) is None:
        await say_article(turn, dispatcher, rate=False)
    if following is None:
        await end(turn.tx, turn.chat, row, "enough", now=now)
        what = told(row)
        summary = wording("clarify.summary", what=what) if what else wording("clarify.summary_nothing")
        later = await take_up(turn.tx, turn.chat, now=now)
        if later is None or (question := open_question(later)) is None:
            return _close(turn, dispatcher, tracker, row, summary)
        step = wording(themes()[row.theme].step) if turn.triage.level == "routine" else ""
        again = wording("clarify.later", title=themes()[later.theme].title, ask=question.ask)
        ask(turn, dispatcher, later, question, "\n".join(part for part in (summary + step, again) if part))
        return {"clarified": None}
    ask(turn, dispatcher, row, following)
    return {"clarified": None}


async def _judged_in_full(turn: Turn, dispatcher: Any, patient: Patient, facts: dict[str, Fact], known: str) -> bool:
    """Judge the sentences that short answers stand for (五天: 烧了5天), raise what they call for; whether that is an alert that ends it."""
    meant = "，".join(fact.means for fact in facts.values() if fact.means)
    if not meant:
        return False
    understood = await understand_about(turn.tx, patient, meant, now=turn.now, zone=turn.zone)
    if LEVELS.index(understood.triage.level) <= LEVELS.index(turn.triage.level):
        return False
    said, turn.triage, turn.text = turn.text, understood.triage, known or meant
    say(dispatcher, await judged(turn, patient))
    turn.text = said
    return turn.triage.level in SEVERE


async def _unread(
    turn: Turn, dispatcher: Any, tracker: Any, domain: Any, row: Clarification, question: ClarifyingQuestion
) -> dict[str, Any]:
    """A report beside it is taken, another concern is a rule's; what nobody can read is asked again, and left at the third time."""
    intent = str(tracker.latest_message["intent"]["name"])
    if not asks(turn.text) and (kept := await keep(turn, dispatcher)) is not None:
        ask(turn, dispatcher, row, question, "\n".join(part for part in (kept.echo, kept.ask_back, question.ask) if part))
        return {"clarified": None}
    ignored = intent in domain["forms"][FORM]["ignored_intents"] and intent not in GUESSED and is_certain(tracker)
    if ignored or asks(turn.text):
        return {}
    row.tried += 1
    row.updated_at = turn.now
    if row.tried >= TRIES:
        await end(turn.tx, turn.chat, row, "unread", now=turn.now)
        return _close(turn, dispatcher, tracker, row, wording("clarify.given_up"))
    # 好的 was understood well enough, it only answers nothing.
    ask(turn, dispatcher, row, question, wording("clarify.again" if is_bare(turn.text) else "clarify.unread", ask=question.ask))
    return {"clarified": None}


def _close(turn: Turn, dispatcher: Any, tracker: Any, row: Clarification, first: str) -> dict[str, Any]:
    """The last words: what is known, the next step, and when to ring; at a level above routine triage says the latter two."""
    if turn.triage.level != "routine":
        say(dispatcher, first)
        return {"clarified": DONE}
    short = safety_said(turn, tracker)
    theme = themes()[row.theme]
    say(dispatcher, first, wording(theme.step) + wording("report.safety_again" if short else "report.safety"))
    return {"clarified": DONE if short else {"safety_at": turn.now.isoformat()}}


def _tapped(turn: Turn, row: Clarification) -> tuple[str, str] | None:
    """Question and choice of a tapped menu item of this very clarification."""
    menu_id = (turn.message.menu_id if turn.message is not None else None) or ""
    match = MENU.fullmatch(menu_id)
    return (match["question"], match["choice"]) if match and int(match["row"]) == row.id and match["question"] in row.asked else None


async def _patient(turn: Turn, row: Clarification) -> Patient | None:
    return next((p for p in turn.patients if p.id == row.patient_id), None) or await turn.tx.get(Patient, row.patient_id)
