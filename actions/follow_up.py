"""The follow-up's form: its questions stand in the task, its answers are read by our parser, Rasa only keeps the thread."""

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, FormValidationAction

from actions.answer import is_bare, nothing_open, say_article
from actions.care import tell_report
from actions.clarify import clarify
from actions.speech import FORM, alarm, judged, named, say, says_something, taken_up_again
from actions.turn import Turn, turn_of, understand_about
from plans.answer import TRIES, declined_because
from plans.follow_up import Answer, Question, answer, decline, next_question, open_task, template_of, today
from plans.hear_words import Tapped
from plans.question import PRESENT, ask_of, buttons_of, entry, listed_signs, open_signs, tapped
from plans.questionnaire_response import assigned_line, assigned_to
from plans.queue import go_on
from plans.read_answer import read_choice, read_signs
from plans.template import Reason
from plans.wording import say as wording
from records.care_plan import Task
from records.flag import LEVELS
from records.patient import Patient
from tagging.topic import asks, find_topic, tells_treatment

# The value of the slot `answer` when nothing more is to be asked in this turn: the form ends, and comes back if the task is open.
LATER = "later"
# Refusals in words that the question's own list does not hold.
REASONS: dict[str, Reason] = {"task_not_yet": "not_yet", "task_cannot": "cannot"}
# These say something by themselves; other ignored intents give way when the utterance holds a number.
FIRM = frozenset({"human", "complaint", "stop_messages", "resume_messages", "pause_messages", "withdraw_consent", "choose_patient"})


class ValidateFollowUpForm(FormValidationAction):
    """One slot, `answer`, is asked for as long as the task has open questions."""

    def name(self) -> str:
        """As Rasa derives it from the form's name."""
        return f"validate_{FORM}"

    async def required_slots(self, domain_slots: list[str], dispatcher: Any, tracker: Any, domain: Any) -> list[str]:
        """`answer` while the task asks something or has just been answered, else nothing: the form ends."""
        if tracker.get_slot("answer") == LATER:
            return domain_slots
        async with turn_of(tracker) as turn:
            return domain_slots if await _open_question(turn) is not None else []

    async def extract_answer(self, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """Let our parser decide whether this is an answer; {} when it is something else, which a rule then sees to."""
        if taken_up_again(tracker, FORM):
            return {}
        async with turn_of(tracker) as turn:
            asked = await _open_question(turn)
            if asked is None or _is_something_else(turn, tracker, domain, *asked):
                return {}
            return {"answer": await _take(turn, dispatcher, tracker, *asked)}

    def validate_answer(self, value: Any, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """The parser has decided already."""
        return {"answer": value}


class AskAnswer(Action):
    """Takes the follow-up up again after something else came in between; otherwise the answer's own words have asked already."""

    def name(self) -> str:
        """As Rasa derives it from form and slot."""
        return f"action_ask_{FORM}_answer"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask the open question again."""
        if not taken_up_again(tracker, FORM):
            return []
        async with turn_of(tracker) as turn:
            asked = await _open_question(turn)
            if asked is not None:
                task, patient, question = asked
                buttons = [{"title": label, "payload": key} for key, label in buttons_of(task, question)]
                dispatcher.utter_message(response="utter_taken_up_again", question=ask_of(question, patient), buttons=buttons)
        return []


class Today(Action):
    """What there is to do today."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_today"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """List it."""
        async with turn_of(tracker) as turn:
            items = [item.text for item in await today(turn.tx, turn.patients, turn.now, turn.zone)]
            items += [line for line in (assigned_line(await assigned_to(turn.tx, turn.patients)),) if line]
        if not items:
            dispatcher.utter_message(response="utter_nothing_today")
        say(dispatcher, "\n".join(items))
        return []


class TaskStatus(Action):
    """Done, not yet, cannot, skip or go on, said while no follow-up is open."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_task_status"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask for the result if something is open today; take what is told; else say that nothing waits."""
        async with turn_of(tracker) as turn:
            if turn.patient is not None and (says_something(turn) or tells_treatment(turn.text) or find_topic(turn.text)):
                return await tell_report(turn, dispatcher, tracker)
            items = [item for item in await today(turn.tx, turn.patients, turn.now, turn.zone) if item.open]
        if items:
            done = tracker.latest_message["intent"]["name"] == "task_done"
            dispatcher.utter_message(response="utter_done_tell_me" if done else "utter_no_hurry")
            return []
        return nothing_open(turn, tracker, dispatcher)


async def _open_question(turn: Turn) -> tuple[Task, Patient, Question] | None:
    """The follow-up in conversation, whom it is about, and the question that is open."""
    task = await open_task(turn.tx, turn.chat)
    if task is None:
        return None
    patient = next((p for p in turn.patients if p.id == task.patient_id), None) or await turn.tx.get(Patient, task.patient_id)
    question = next_question(task, await template_of(turn.tx, task), patient)
    return None if question is None or patient is None else (task, patient, question)


def _is_something_else(turn: Turn, tracker: Any, domain: Any, task: Task, patient: Patient, question: Question) -> bool:
    """Whether the utterance is not about the question: another concern, a pending yes or no, or another child."""
    intent = tracker.latest_message["intent"]["name"]
    if _tapped(turn, task) is not None:
        return False
    if any(child.id != patient.id for child in named(turn)):
        return True
    if intent in ("affirm", "deny"):
        return tracker.get_slot("pending") is not None
    if intent == "reschedule" and (tracker.get_slot("pending") or {}).get("kind") == "reschedule":
        return True
    if intent == "choose_patient" and not named(turn) and not _clicked(turn) and _answers_in_words(turn, task, question):
        # 第二个, to a list of signs or options, is no child.
        return False
    ignored = intent in domain["forms"][FORM]["ignored_intents"]
    # 今天没称 is an answer, whatever the model takes it for, and so is a number that has to be asked about.
    answers = turn.understanding.measurements or declined_because(question, turn.text) or turn.understanding.questions
    return ignored and (intent in FIRM or not (answers or _answers_in_words(turn, task, question)))


def _clicked(turn: Turn) -> bool:
    return bool(turn.message is not None and turn.message.menu_id)


def _answers_in_words(turn: Turn, task: Task, question: Question) -> bool:
    """Whether the words answer a question that wants no number: they name a sign or an option, or are free words that ask nothing."""
    if question.kind == "symptoms":
        return bool(read_signs(turn.text, question, open_signs(task, question), turn.understanding.symptoms)) and not asks(turn.text)
    if question.kind == "choice":
        return read_choice(turn.text, question) is not None
    return question.kind == "text" and not asks(turn.text) and not is_bare(turn.text)


def _tapped(turn: Turn, task: Task) -> Tapped | None:
    """The question of this task and the value whose button was tapped."""
    tap = tapped(turn.message.menu_id if turn.message is not None else None)
    return (tap[1], tap[2]) if tap is not None and tap[0] == task.id else None


async def _take(turn: Turn, dispatcher: Any, tracker: Any, task: Task, patient: Patient, question: Question) -> str | None:
    """Answer, skip or go on; say what came of it. Returns LATER when nothing more is to be asked in this turn."""
    intent = tracker.latest_message["intent"]["name"]
    if intent == "go_on":
        say(dispatcher, ask_of(question, patient), buttons=buttons_of(task, question))
        return None
    if intent == "skip":
        came = await decline(turn.tx, task, reason="not_weighed", text=turn.text, now=turn.now, zone=turn.zone)
    else:
        came = await _answer(turn, dispatcher, task, patient, question)
        if not came.understood and intent in REASONS:
            came = await decline(turn.tx, task, reason=REASONS[intent], text=turn.text, now=turn.now, zone=turn.zone)
    say(dispatcher, came.echo)
    await alarm(turn, dispatcher, came.alert, patient=patient, others=came.others)
    if not came.understood and entry(task, question)["asked"] >= TRIES:
        dispatcher.utter_message(response="utter_three_failures")
        return None
    if intent == "ask_question":
        await say_article(turn, dispatcher, rate=False)
    if came.finished:
        return await _finish(turn, dispatcher, tracker, task, patient, came)
    moved_on = came.next is not None and came.next.id != question.id
    following = ask_of(came.next, patient) if came.next is not None and moved_on and not came.ask_back else None
    offered = came.next if following else question if came.ask_back else None
    say(dispatcher, came.ask_back, came.closing, following, buttons=buttons_of(task, offered) if offered is not None else ())
    # 还没, 等会: the question stays open, but asking it in the same breath would be rude.
    put_off = came.understood and not moved_on and not came.ask_back
    return LATER if put_off else None


async def _answer(turn: Turn, dispatcher: Any, task: Task, patient: Patient, question: Question) -> Answer:
    """Take the answer; what it means beside what triage has seen of the words alone is judged too, and said first.

    A bare 38.9 behind another question, or 第二个, says nothing by itself.
    """
    if question.vitals and not turn.understanding.measurements:
        await _judge(turn, dispatcher, patient, turn.text, context=question.context)
    there = _present(task)
    came = await answer(
        turn.tx,
        task,
        patient,
        question,
        turn.understanding,
        text=turn.text,
        message_id=turn.message_id,
        now=turn.now,
        zone=turn.zone,
        tapped=_tapped(turn, task),
    )
    mentioned = {mention.concept for mention in turn.understanding.symptoms}
    if meant := sorted(_present(task) - there - mentioned):
        await _judge(turn, dispatcher, patient, wording("signs.also", names=listed_signs(meant)))
    return came


async def _judge(turn: Turn, dispatcher: Any, patient: Patient, text: str, *, context: str | None = None) -> None:
    """Raise and say what `text` calls for where that is more than what was judged already."""
    understood = await understand_about(turn.tx, patient, text, now=turn.now, zone=turn.zone, context=context)
    if LEVELS.index(understood.triage.level) > LEVELS.index(turn.triage.level):
        say(dispatcher, await judged(replace(turn, triage=understood.triage), patient))


def _present(task: Task) -> set[str]:
    """The signs that are there, as far as the follow-up knows."""
    signs = (known.get("signs", {}) for known in (task.answers or {}).values())
    return {sign for each in signs for sign, status in each.items() if status == PRESENT}


async def _finish(turn: Turn, dispatcher: Any, tracker: Any, task: Task, patient: Patient, came: Answer) -> str | None:
    """The follow-up has ended: the next that waits here begins with the same reply, or the family is thanked."""
    then = await go_on(turn.tx, turn.chat, now=turn.now, zone=turn.zone, several=len(turn.patients) > 1)
    if then is not None:
        # Only an end that needs a word is said on the way: that the nurse will know why; and thanks, when nothing more is asked.
        closing = came.closing if task.state == "declined" or then.asks is None else None
        say(dispatcher, came.ask_back, closing)
        say(dispatcher, then.text, buttons=then.buttons)
        return None if then.asks == "follow_up" else LATER
    say(dispatcher, came.ask_back, came.closing)
    if came.alert is None and turn.patient is not None and turn.patient.id == patient.id:
        await clarify(turn, dispatcher, tracker, form=FORM)
    return LATER
