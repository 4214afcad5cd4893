"""What several actions do: write down what was said, raise an alert and say so truthfully, let the follow-up rest."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rasa_sdk.events import ActiveLoop, SlotSet

from actions.turn import Turn
from plans.alert import Alert, raise_alerts
from plans.ask_team import resting_text
from plans.follow_up import Report, report
from records.flag import raise_flag
from records.patient import Patient
from tagging.topic import is_general_question
from tagging.triage import reply_text
from tagging.understanding import Understanding

FORM = "follow_up_form"
QUOTE = 200
# The pending question after 刚才说错了: what comes next is a correction, whatever its words.
CORRECT = "correct"
# The list of danger signs is said in full once in so long, and in short in between.
SAFETY_AGAIN = timedelta(hours=6)


def rest() -> list[dict[str, Any]]:
    """Nothing more is asked in this turn; an open follow-up is taken up again with the family's next message."""
    return [ActiveLoop(None), SlotSet("requested_slot", None)]


def says_something(turn: Turn) -> bool:
    """Whether the utterance holds something to write down: a number, a medicine that is used, or a sign of the child that is there now."""
    said = asserted(turn)
    return (
        bool(said.measurements)
        or any(s.status == "present" and s.when == "now" and s.whose == "patient" for s in said.symptoms)
        or any(medicine.status != "asked" for medicine in said.medicines)
    )


def asserted(turn: Turn) -> Understanding:
    """What the utterance says of the child, less than triage sees: 宝宝吐奶怎么办 only asks, and the name of a medicine is no sign."""
    said = turn.understanding
    if is_general_question(turn.text):
        return replace(said, symptoms=())
    named = [(medicine.start, medicine.end) for medicine in said.medicines]
    signs = tuple(s for s in said.symptoms if not any(start <= s.start and s.end <= end for start, end in named))
    values = tuple(m for m in said.measurements if not any(start < m.end and m.start < end for start, end in named))
    return replace(said, symptoms=signs, measurements=values)


def named(turn: Turn) -> list[Patient]:
    """The carer's children whose names stand in the utterance."""
    return [patient for patient in turn.patients if patient.name in turn.text]


async def keep(turn: Turn, dispatcher: Any) -> Report | None:
    """Write down what the utterance holds beside its main concern, and raise what it calls for; None when there is nothing."""
    if turn.patient is None or not says_something(turn):
        return None
    kept = await report(
        turn.tx,
        turn.patient,
        asserted(turn),
        message_id=turn.message_id,
        text=turn.text,
        now=turn.now,
        zone=turn.zone,
    )
    await alarm(turn, dispatcher, kept.alert, patient=turn.patient, others=kept.others)
    return kept


async def alarm(turn: Turn, dispatcher: Any, alert: Alert | None, *, patient: Patient, others: Iterable[Alert] = ()) -> None:
    """Raise `alert` in this transaction, and tell the family what is true: somebody was told, or whom to ring.

    `others` are raised beside it; to act on the worst one is enough for the family.
    """
    if alert is None:
        return
    await raise_alerts(turn.tx, turn.chat, (alert, *others), said=turn.text, patient_id=patient.id, now=turn.now)
    dispatcher.utter_message(text=alert.advice)
    if turn.notified:
        dispatcher.utter_message(response="utter_told_team")
    elif turn.phone:
        dispatcher.utter_message(response="utter_ring_team", phone=turn.phone)
    else:
        dispatcher.utter_message(response="utter_ring_emergency")


def tell_asked(turn: Turn, dispatcher: Any, about: str) -> None:
    """Say truthfully when the team answers what has been brought to it, a `question` or the wish to `reschedule`."""
    if turn.opens is not None:
        dispatcher.utter_message(
            text=resting_text(about, turn.opens, now=turn.now, zone=turn.zone, notified=turn.notified, phone=turn.phone)
        )
        return
    who = "sent" if turn.notified else "kept_phone" if turn.phone else "kept"
    dispatcher.utter_message(response=f"utter_{about}_{who}", phone=turn.phone)


async def judged(turn: Turn, patient: Patient) -> str:
    """Raise the alert that `turn.triage` calls for, now that it is known to be about `patient`; what the family is told."""
    triage = turn.triage
    if triage.level == "routine" or not triage.categories:
        return ""
    await raise_flag(
        turn.tx,
        turn.chat,
        level=triage.level,
        categories=list(triage.categories),
        said=turn.text[:QUOTE],
        because="；".join(dict.fromkeys(evidence.because for evidence in triage.evidence))[:QUOTE],
        evidence=[{"rule": e.rule, "version": e.version, "because": e.because} for e in triage.evidence],
        now=turn.now,
        patient_id=patient.id,
    )
    return reply_text(triage, notified=turn.notified, phone=turn.phone) or ""


def taken_up_again(tracker: Any, form: str) -> bool:
    """Whether `form` comes back in this very turn, after it let a rule answer."""
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action_execution_rejected" and event.get("name") == form:
            return True
    return False


def safety_said(turn: Turn, tracker: Any) -> bool:
    """Whether the list of danger signs was said in full a short while ago."""
    before = tracker.get_slot("safety_at")
    return bool(before) and turn.now - datetime.fromisoformat(before) < SAFETY_AGAIN


def say(dispatcher: Any, *texts: str | None, buttons: Iterable[tuple[str, str]] = ()) -> None:
    """Say those texts that are there, as one message, with `buttons` (id, label) below it."""
    whole = "\n".join(dict.fromkeys(text for text in texts if text))
    if whole:
        dispatcher.utter_message(text=whole, buttons=[{"title": label, "payload": key} for key, label in buttons])
