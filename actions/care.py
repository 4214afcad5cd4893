"""Reports that nobody asked for, questions of care, and which child is meant."""

import re
from functools import cache
from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.speech import alarm, keep, named, say, says_something
from actions.turn import Turn, turn_of, understand_about
from plans.content import Library
from plans.follow_up import report
from records.flag import raise_flag
from records.patient import Patient
from tagging.triage import reply_text

# Texts of one report are put together while it is open which child is meant.
LONGEST_REPORT = 1000
_ASKS = re.compile(r"[?？]|怎么|咋|要不要|该不该|能不能|可不可以|可以.{0,12}吗|正常吗|要紧|严重吗|为什么|为啥|多少合适|吗$")


@cache
def library() -> Library:
    """The articles, read once (about a second)."""
    return Library.load()


class ReportFindings(Action):
    """Writes a spontaneous report down, says back what was understood, and what to do next."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_report"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Report, or ask first which child is meant."""
        async with turn_of(tracker) as turn:
            if turn.patient is None:
                return _ask_which(turn, dispatcher, tracker)
            await tell_report(turn, dispatcher)
            return []


class AnswerQuestion(Action):
    """Answers from the reviewed articles, with source and date; else says honestly that it does not know."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_question"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Answer; what the question says about the child is written down first."""
        async with turn_of(tracker) as turn:
            kept = await keep(turn, dispatcher)
            if kept is not None and turn.understanding.measurements:
                say(dispatcher, kept.echo)
            if say_article(turn.text, dispatcher):
                return []
            medicine = bool(turn.understanding.medicines)
            dispatcher.utter_message(response="utter_not_sure_medicine" if medicine else "utter_not_sure")
            return [SlotSet("pending", {"kind": "ask_nurse"})]


class ChoosePatient(Action):
    """The family says which of its children is meant; a report that waited for it is taken now."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_choose_patient"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Choose, and go on with the report."""
        pending = tracker.get_slot("pending") or {}
        waiting = pending.get("text") if pending.get("kind") == "which_patient" else None
        async with turn_of(tracker) as turn:
            patient = _chosen(turn)
            if patient is None:
                if len(turn.patients) < 2:
                    dispatcher.utter_message(response="utter_one_patient" if turn.patients else "utter_no_patient")
                    return []
                return _ask_which(turn, dispatcher, tracker, said=None)
            turn.patient = patient
            turn.chat.patient_id = patient.id
            if waiting:
                beside = f"，{turn.text}" if says_something(turn) else ""
                await _take_up(turn, dispatcher, waiting + beside)
            elif says_something(turn):
                await tell_report(turn, dispatcher)
            else:
                dispatcher.utter_message(response="utter_patient_chosen", name=patient.name)
            return [SlotSet("pending", None)]


async def tell_report(turn: Turn, dispatcher: Any) -> None:
    """Take the turn's words as a report about `turn.patient`; a question in it is answered when there is an article."""
    if turn.patient is None:
        return
    told = await report(
        turn.tx,
        turn.patient,
        turn.understanding,
        message_id=turn.message_id,
        text=turn.text,
        now=turn.now,
        zone=turn.zone,
        level=turn.triage.level,
    )
    say(dispatcher, told.echo)
    await alarm(turn, dispatcher, told.alert, patient=turn.patient)
    asked = bool(_ASKS.search(turn.text)) and say_article(turn.text, dispatcher)
    if told.understood or not asked:
        following = told.next.ask.format(name=turn.patient.name) if told.next is not None and told.answered else None
        say(dispatcher, told.ask_back, told.closing, None if told.finished else told.next_step, following)


def say_article(text: str, dispatcher: Any) -> bool:
    """Answer with the article that fits, if one does well enough."""
    hits = library().search(text, limit=1)
    if not hits:
        return False
    article = hits[0].article
    reviewed = "尚待医生审阅" if article.needs_clinician_review else f"{article.reviewed_at:%Y年%m月}审阅"
    dispatcher.utter_message(response="utter_article", body=article.body.strip(), source=article.reference, reviewed=reviewed)
    return True


def _ask_which(turn: Turn, dispatcher: Any, tracker: Any, said: str | None = "") -> list[dict[str, Any]]:
    """Ask with the children's names, and keep the words until it is known; without any child, say what is the matter."""
    if not turn.patients:
        dispatcher.utter_message(response="utter_no_patient")
        turn.wants_human = turn.wants_human or "unbound"
        return []
    buttons = [{"title": patient.name, "payload": f"patient_{patient.id}"} for patient in turn.patients]
    dispatcher.utter_message(response="utter_which_patient", buttons=buttons)
    before = tracker.get_slot("pending") or {}
    waiting = before.get("text", "") if before.get("kind") == "which_patient" else ""
    text = waiting if said is None else "，".join(part for part in (waiting, turn.text) if part)[-LONGEST_REPORT:]
    return [SlotSet("pending", {"kind": "which_patient", "text": text})]


def _chosen(turn: Turn) -> Patient | None:
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


async def _take_up(turn: Turn, dispatcher: Any, text: str) -> None:
    """Take the words that waited as a report about the chosen child, judged with what is known of him."""
    patient = turn.patient
    if patient is None:
        return
    turn.text = text
    turn.understanding = await understand_about(turn.tx, patient, text, now=turn.now, zone=turn.zone)
    turn.triage = turn.understanding.triage
    if turn.triage.level != "routine" and turn.triage.categories:
        await raise_flag(
            turn.tx,
            turn.chat,
            level=turn.triage.level,
            categories=list(turn.triage.categories),
            said=text[:200],
            because="；".join(dict.fromkeys(evidence.because for evidence in turn.triage.evidence))[:200],
            evidence=[{"rule": e.rule, "version": e.version, "because": e.because} for e in turn.triage.evidence],
            now=turn.now,
            patient_id=patient.id,
        )
        say(dispatcher, reply_text(turn.triage, notified=turn.notified, phone=turn.phone))
    await tell_report(turn, dispatcher)
