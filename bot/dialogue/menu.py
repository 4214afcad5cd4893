"""What a family's click or text may mean to Rasa: known menu ids become intents, texts never do."""

import re
from typing import Any

from actions.chart import RESCHEDULE, is_wish
from actions.plan import PAUSE
from actions.speech import named
from actions.turn import Turn
from bot.dialogue.intent import FALLBACK
from bot.task_tap import moves_visit

# Menu id → intent. `patient_<id>` comes beside these.
INTENTS = {
    "today": "ask_today",
    "question": "want_to_ask",
    "human": "human",
    "bind": "bind_child",
    "privacy": "ask_privacy",
    "skip": "skip",
    "go_on": "go_on",
    "prepare": "prepare_visit",
    "reschedule": "reschedule",
    "results": "ask_results",
    "yes": "affirm",
    "no": "deny",
}
# A choice of a questionnaire; its own form reads it, and without the form it takes the questionnaire up again.
QUESTIONNAIRE = ("item_", "questionnaire_")
# These only make sense while the question that offered them is open; later they are read as the words on the button.
IN_FORM = {"skip", "go_on"}
WHILE_PENDING = {"yes", "no"}
PATIENT = "patient_"
# Commands of other bots, typed by a family, that mean something here; of other ones the letters say nothing, whatever a model guesses.
COMMANDS = {word: "human" for word in ("human", "agent", "nurse", "doctor", "staff", "service")} | {"help": "ask_help", "start": "ask_help"}
_COMMAND = re.compile(r"(?P<slash>[/／\\]*)\s*(?P<word>[A-Za-z][A-Za-z_-]*)(?P<rest>.*)", re.S)
# Words around a child's name that say no more than who is meant: 我说的是乐乐.
_ONLY_WHO = re.compile(r"(?:我|现在|说|讲|问|的|是|给|关于|就|那|吧|呢|啊|呀|哈|[，。,.！!\s])*")


def patient_id(menu_id: str | None) -> int | None:
    """The patient whom a menu id names."""
    number = (menu_id or "").removeprefix(PATIENT)
    return int(number) if (menu_id or "").startswith(PATIENT) and number.isascii() and number.isdigit() else None


def clicked_intent(turn: Turn, *, form: str | None, pending: dict[str, Any] | None, read: str) -> str | None:
    """The intent of the menu item that was clicked, or typed: a child's name, a command, or for when a visit is wished, when that
    was asked.

    `form` is the one that is asking, `read` the intent that the words have by themselves. None for other texts, and
    for ids that are unknown or out of date.
    """
    menu_id = turn.message.menu_id if turn.message is not None else None
    if patient_id(menu_id) in {patient.id for patient in turn.patients}:
        return "choose_patient"
    if not menu_id and len(meant := named(turn)) == 1:
        asked = pending is not None and pending.get("kind") == "which_patient"
        if asked or _ONLY_WHO.fullmatch(turn.text.replace(meant[0].name, "", 1)):
            return "choose_patient"
    if not menu_id and (pending or {}).get("kind") == RESCHEDULE and is_wish(turn, read):
        return "reschedule"
    if not menu_id and (command := _commanded(turn.text)) is not None:
        return command
    if moves_visit(menu_id) is not None:
        return "reschedule"
    if (menu_id or "").startswith(QUESTIONNAIRE) and form != "questionnaire_form":
        return "start_questionnaire"
    if (menu_id or "").startswith(PAUSE):
        return "pause_messages"
    if not menu_id or (menu_id in IN_FORM and form is None) or (menu_id in WHILE_PENDING and not pending):
        return None
    return INTENTS.get(menu_id)


def _commanded(text: str) -> str | None:
    """The intent of `/human` or plain `human`; with a slash before any other Latin word nothing is understood."""
    match = _COMMAND.fullmatch(text.strip())
    if match is None or (match["rest"].strip() and not match["slash"]):
        return None
    known = COMMANDS.get(match["word"].lower())
    # A sentence behind a slash is a sentence.
    return known or (FALLBACK if match["slash"] and not match["rest"].strip() else None)


def harmless(text: str) -> str:
    """`text` such that Rasa reads it as words: it takes what begins with a slash for an intent, and its own events for `EXTERNAL:`.

    The length stays, so that offsets into the text hold.
    """
    start = len(text) - len(text.lstrip())
    if text.startswith("/", start):
        return text[:start] + "／" + text[start + 1 :]
    if text.startswith("EXTERNAL:", start):
        return text.replace("EXTERNAL:", "EXTERNAL：", 1)
    return text
