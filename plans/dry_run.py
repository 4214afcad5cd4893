"""Every message that a template would send to a synthetic patient, before anybody is enrolled on it. Pure: no clock, no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from plans.clock import at_hour
from plans.guard import QUIET, Quiet, decide
from plans.question import opening, reminder
from plans.schedule import Due, schedule
from plans.template import PlanTemplate
from records.care_plan import Task
from records.chat import WINDOW, WINDOW_MESSAGES, Chat
from records.patient import Carer, Patient

# A family that answers does so within the hour.
ANSWERS_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Planned:
    """One message: opening or reminder. `sent` is False when a guard would hold it, and `why` names the guard (a key of
    wording.yml `undeliverable`); `left` is how many messages the 48-hour window still allows after it."""

    at: datetime
    step: str
    kind: str
    text: str
    sent: bool
    why: str
    left: int


def dry_run(
    template: PlanTemplate,
    *,
    name: str,
    anchors: Mapping[str, date],
    hour: int,
    start: date,
    days: int,
    zone: ZoneInfo,
    answers: bool = True,
    quiet: Quiet = QUIET,
) -> list[Planned]:
    """The messages of `days` days from `start`, in order of time, for a family that wrote last on the morning of `start`.

    With `answers` it answers each opening, so that the window stays open and no reminder is needed; without, it never writes again.
    """
    patient = Patient(id=0, name=name, birth_date=anchors.get("birth", start))
    chat = Chat(id=0, state="bot", service_state=1, window_from=at_hour(start, quiet.end.hour, zone), window_used=0)
    dues = [due for due in schedule(template, anchors, hour=hour, zone=zone, start=start) if due.day < start + timedelta(days=days)]
    planned: list[Planned] = []
    for number, due in enumerate(dues):
        task = _task(number, due)
        planned.append(_message("opening", due.due_at, opening(task, patient, template), task, chat, zone, quiet))
        if not planned[-1].sent:
            continue
        if answers:
            chat.window_from, chat.window_used = due.due_at + ANSWERS_AFTER, 0
            continue
        later = due.due_at + template.step(due.step).reminder_after()
        planned.append(_message("reminder", later, reminder(task, patient, template), task, chat, zone, quiet))
    return sorted(planned, key=lambda message: message.at)


def _task(number: int, due: Due) -> Task:
    return Task(id=number, step=due.step, day=due.day, due_at=due.due_at, useful_until=due.useful_until, state="scheduled", answers={})


def _message(kind: str, at: datetime, text: str, task: Task, chat: Chat, zone: ZoneInfo, quiet: Quiet) -> Planned:
    decision = decide(task, chat, Carer(id=0, stopped_at=None), now=at, zone=zone, quiet=quiet)
    sent = decision.kind == "send"
    chat.window_used += sent
    open_until = chat.window_from + WINDOW if chat.window_from else at
    return Planned(at, task.step, kind, text, sent, decision.reason, max(0, WINDOW_MESSAGES - chat.window_used) if at < open_until else 0)
