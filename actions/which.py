"""Which child is meant: asked with their names, heard in a tap or in words; and a family that is bound to none yet."""

import re
from typing import Any

from rasa_sdk.events import SlotSet

from actions.speech import named
from actions.turn import Turn
from records.patient import Patient

# Texts of one report are put together while it is open which child is meant.
LONGEST_REPORT = 1000


def ask_which(turn: Turn, dispatcher: Any, tracker: Any, said: str | None = "", *, then: str | None = None) -> list[dict[str, Any]]:
    """Ask with the children's names, and keep the words until it is known; without any child, say what is the matter.

    `then` is what of the chart was asked about, if it was; otherwise the words are a report.
    """
    if not turn.patients:
        return invite_to_bind(dispatcher, tracker)
    buttons = [{"title": patient.name, "payload": f"patient_{patient.id}"} for patient in turn.patients]
    dispatcher.utter_message(response="utter_which_patient", buttons=buttons)
    before = tracker.get_slot("pending") or {}
    waiting = before.get("text", "") if before.get("kind") == "which_patient" else ""
    text = waiting if said is None else "，".join(part for part in (waiting, turn.text) if part)[-LONGEST_REPORT:]
    then = then or (before.get("then") if before.get("kind") == "which_patient" else None)
    return [SlotSet("pending", {"kind": "which_patient", "text": text} | ({"then": then} if then else {}))]


def invite_to_bind(dispatcher: Any, tracker: Any) -> list[dict[str, Any]]:
    """What is said of a child that nobody knows yet is kept as it came; binding is one tap away, in full words the first time."""
    dispatcher.utter_message(response="utter_no_patient_again" if tracker.get_slot("invited") else "utter_no_patient")
    return [SlotSet("invited", True)]


def chosen(turn: Turn) -> Patient | None:
    """The child that was clicked or named; 老大 and 老二 count by age."""
    menu_id = (turn.message.menu_id if turn.message is not None else None) or ""
    by_menu = [patient for patient in turn.patients if menu_id == f"patient_{patient.id}"]
    if found := by_menu or named(turn):
        return found[0] if len(found) == 1 else None
    eldest_first = sorted(turn.patients, key=lambda patient: patient.birth_date)
    if len(eldest_first) < 2 or eldest_first[0].birth_date == eldest_first[-1].birth_date:
        return None
    if re.search(r"老大|大宝|大的", turn.text):
        return eldest_first[0]
    if re.search(r"小的|最小", turn.text) or (len(eldest_first) == 2 and re.search(r"老二|二宝|小宝", turn.text)):
        return eldest_first[-1]
    sex = "M" if re.search(r"弟弟|哥哥|儿子|男", turn.text) else "F" if re.search(r"妹妹|姐姐|女", turn.text) else None
    same = [patient for patient in turn.patients if sex and patient.sex == sex]
    return same[0] if len(same) == 1 else None
