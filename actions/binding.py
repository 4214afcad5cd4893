"""A WeChat account and a child's record: binding as a form, the invitation of further carers."""

import re
from typing import Any

from rasa_sdk import Action, FormValidationAction
from sqlalchemy import select

from actions.answer import is_certain
from actions.earlier import look_back
from actions.speech import rest, says_something, taken_up_again
from actions.turn import Turn, turn_of
from plans.binding import open_binding
from plans.binding_answer import Said, read_answer
from plans.binding_answer import say as wording
from plans.binding_talk import Words, question, start, take
from plans.carers import MOST_CARERS, carers_of
from plans.clock import local_day
from plans.invitation import invite
from records.binding import Binding
from records.patient import Patient
from records.wecom import KfAccount

FORM = "binding_form"
# The value of the slot `binding` once nothing more is to be asked: the form ends.
DONE = "done"
# These say something by themselves whatever else is in them.
FIRM = frozenset({"human", "complaint", "stop_messages", "withdraw_consent"})
# Particulars are numbers, which the model may take for anything: with them only words that call for it make another concern.
_FIRM_WORDS = re.compile(r"人工|护士|医生|客服|真人|找人|投诉|撤|删|停|别发|不要发")
# What is typed as a number is meant for the step, even if a digit is missing.
_DIGITS = re.compile(r"[\d\s+-]+")
# Guesses of the model at words that hold nothing of the kind: 春天生的 is no report, it is asked again.
GUESSED = frozenset({"report", "correct_report", "out_of_scope", "choose_patient", "abuse"})
# What is asked about the consent while it is asked for is part of the answer.
ABOUT_CONSENT = frozenset({"ask_privacy", "withdraw_consent"})


class ValidateBindingForm(FormValidationAction):
    """One slot, `binding`, is asked for as long as the binding is open."""

    def name(self) -> str:
        """As Rasa derives it from the form's name."""
        return f"validate_{FORM}"

    async def required_slots(self, domain_slots: list[str], dispatcher: Any, tracker: Any, domain: Any) -> list[str]:
        """`binding` while something is asked or has just been answered, else nothing: the form ends."""
        if tracker.get_slot("binding"):
            return domain_slots
        async with turn_of(tracker) as turn:
            return domain_slots if await open_binding(turn.tx, turn.chat, turn.now) is not None else []

    async def extract_binding(self, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """Let our parser decide whether this is an answer; {} when it is something else, which a rule then sees to."""
        if taken_up_again(tracker, FORM):
            return {}
        async with turn_of(tracker) as turn:
            binding = await open_binding(turn.tx, turn.chat, turn.now)
            if binding is None:
                return {}
            said = _read(turn, tracker, binding)
            if _is_something_else(turn, tracker, domain, binding, said):
                return {}
            if turn.message is not None:
                # What answers a binding is nothing that was said of a child.
                turn.message.outcome = {**turn.message.outcome, "binding": binding.id}
            if said is None and _intent(tracker) in ("go_on", "bind_child"):
                return await _say(turn, dispatcher, await question(turn.tx, binding))
            text, message_id = turn.text, turn.message_id
            return await _say(
                turn, dispatcher, await take(turn.tx, turn.chat, binding, said, text=text, message_id=message_id, now=turn.now)
            )

    def validate_binding(self, value: Any, dispatcher: Any, tracker: Any, domain: Any) -> dict[str, Any]:
        """The parser has decided already; what the bot waits for once the form has ended goes along."""
        return {"binding": DONE, **value} if isinstance(value, dict) else {"binding": value}


class AskBinding(Action):
    """Takes the binding up again after something else came in between; otherwise the answer's own words have asked already."""

    def name(self) -> str:
        """As Rasa derives it from form and slot."""
        return f"action_ask_{FORM}_binding"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Ask the open step again, unless a person comes anyway."""
        if not taken_up_again(tracker, FORM):
            return []
        async with turn_of(tracker) as turn:
            binding = await open_binding(turn.tx, turn.chat, turn.now)
            if binding is not None and not turn.wants_human:
                asked = await question(turn.tx, binding)
                utter(dispatcher, f"{wording('welcome.again')}{asked.text}", asked.buttons)
        return []


class BindChild(Action):
    """The family wants to be bound to a child: the first question of the way by record number."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_bind_child"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Begin, or go on where it stopped; particulars that were given with the request count."""
        async with turn_of(tracker) as turn:
            asked = await start(turn.tx, turn.chat, turn.now)
            binding = await open_binding(turn.tx, turn.chat, turn.now)
            said = _read(turn, tracker, binding) if binding is not None else None
            if binding is not None and said is not None and said.kind == "given":
                asked = await take(turn.tx, turn.chat, binding, said, text=turn.text, message_id=turn.message_id, now=turn.now)
            if turn.message is not None:
                turn.message.outcome = {**turn.message.outcome, "binding": turn.chat.binding_id}
            await _say(turn, dispatcher, asked)
        return rest()


class AddCarer(Action):
    """The primary carer gets a link for another carer of the child."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_add_carer"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Make the link, or say why not."""
        async with turn_of(tracker) as turn:
            if not turn.patients:
                dispatcher.utter_message(response="utter_no_patient")
                return []
            if turn.patient is None:
                # Which child is asked by the words themselves: 邀请家人，安安.
                buttons = [{"title": f"邀请家人，{patient.name}", "payload": f"invite_{patient.id}"} for patient in turn.patients]
                dispatcher.utter_message(response="utter_which_patient", buttons=buttons)
                return []
            utter(dispatcher, *await _invitation(turn, turn.patient))
        return []


async def _invitation(turn: Turn, patient: Patient) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What is said to a carer who wants to invite another one: the link, if it is his to give."""
    there = await carers_of(turn.tx, patient.id)
    nurse = (("human", wording("buttons.nurse")),)
    if not any(link.primary and carer.id == turn.chat.carer_id for link, carer in there):
        return wording("invitation_other", name=patient.name), nurse
    if len(there) >= MOST_CARERS:
        return wording("invitation_full", name=patient.name, count=len(there)), nurse
    url = await turn.tx.scalar(select(KfAccount.contact_url).where(KfAccount.open_kfid == turn.chat.open_kfid))
    if url is None:
        return wording("invitation_nowhere"), nurse
    token = await invite(turn.tx, patient, kind="carer", by=f"carer:{turn.chat.carer_id}", now=turn.now)
    # A token needs no quoting: it is spelt in letters, digits, - and _.
    return wording("invitation", name=patient.name, link=f"{url}&scene_param={token}"), ()


def utter(dispatcher: Any, text: str, buttons: tuple[tuple[str, str], ...]) -> None:
    """Say `text` with choices as (menu id, label)."""
    dispatcher.utter_message(text=text, buttons=[{"title": label, "payload": key} for key, label in buttons])


async def _say(turn: Turn, dispatcher: Any, words: Words) -> dict[str, Any]:
    """Say it, let it count for the rest of the turn, and tell the form whether to go on."""
    utter(dispatcher, words.text, words.buttons)
    turn.wants_human = turn.wants_human or words.human
    if words.bound is not None:
        turn.patients.append(words.bound)
        turn.patient = words.bound
        if waiting := await look_back(turn, dispatcher):
            return {"binding": {"pending": waiting}}
    return {"binding": DONE if words.done else None}


def _intent(tracker: Any) -> str:
    return str(tracker.latest_message["intent"]["name"])


def _read(turn: Turn, tracker: Any, binding: Binding) -> Said | None:
    said = read_answer(binding.step, turn.text, local_day(turn.now, turn.zone), binding.given)
    if binding.step == "consent" and _intent(tracker) == "ask_privacy":
        return Said("more")
    return said


def _is_something_else(turn: Turn, tracker: Any, domain: Any, binding: Binding, said: Said | None) -> bool:
    """Whether the utterance is not about the step: another concern, or a pending yes or no."""
    intent = _intent(tracker)
    particulars = said is not None and said.kind == "given" and binding.step != "relationship"
    if intent in FIRM and not (binding.step == "consent" and intent in ABOUT_CONSENT):
        return not particulars or bool(_FIRM_WORDS.search(turn.text))
    if intent in ("affirm", "deny") and tracker.get_slot("pending") is not None:
        return True
    if said is None and _DIGITS.fullmatch(turn.text):
        return False
    of_child = says_something(turn) and bool(turn.understanding.symptoms or turn.understanding.medicines)
    if said is not None:
        return of_child
    if intent in GUESSED and not is_certain(tracker):
        return says_something(turn)
    return says_something(turn) or intent in domain["forms"][FORM]["ignored_intents"]
