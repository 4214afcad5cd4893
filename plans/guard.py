"""May this message go out now? Pure: a task, its chat, its carer and the time in, one decision out."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from plans.clock import at_hour, local_day
from records.care_plan import Task
from records.chat import WINDOW, WINDOW_MESSAGES, Chat
from records.patient import Carer

# How soon to look again when a person or another follow-up has the chat.
LOOK_AGAIN = timedelta(minutes=15)
# WeCom's service states in which a person has, or is about to have, the chat (wecom-api §3: 2 in the queue, 3 with a person).
WITH_A_PERSON = frozenset({2, 3})
ENDED = 4


@dataclass(frozen=True)
class Quiet:
    """No messages from `start` to `end` of the next morning, in the hospital's time."""

    start: time
    end: time

    @property
    def open_hours(self) -> range:
        """The hours of a day at which messages may go out, of quiet hours that span midnight."""
        return range(self.end.hour, self.start.hour)


# Clinical reference §6: 21:00-08:00 no messages except emergency replies.
QUIET = Quiet(time(21), time(8))


@dataclass(frozen=True)
class Decision:
    """`until` is when to decide again, for `wait` alone. `reason` is a key of wording.yml `undeliverable`, or `due`."""

    kind: Literal["send", "wait", "undeliverable", "expired"]
    until: datetime | None
    reason: str


def is_quiet(now: datetime, zone: ZoneInfo, quiet: Quiet = QUIET) -> bool:
    """Whether `now` lies in the quiet hours, which may span midnight."""
    clock = now.astimezone(zone).time()
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def quiet_ends(now: datetime, zone: ZoneInfo, quiet: Quiet = QUIET) -> datetime:
    """The end of the quiet hours that `now` lies in."""
    day = local_day(now, zone)
    ends_tomorrow = quiet.start > quiet.end and now.astimezone(zone).time() >= quiet.start
    return at_hour(day + timedelta(days=ends_tomorrow), quiet.end.hour, zone)


def decide(
    task: Task, chat: Chat | None, carer: Carer | None, *, now: datetime, zone: ZoneInfo, quiet: Quiet = QUIET, busy: bool = False
) -> Decision:
    """Whether an opening or a reminder of `task` may go to `chat` now.

    `busy` says that another follow-up is being talked about there. What has to wait past the task's `useful_until` expires then.
    Nothing is sent to a family that has stopped messages, or paused them; its plan is kept.
    """
    if now >= task.useful_until:
        return Decision("expired", None, held_up_by(task, chat, carer, busy))
    if carer is None:
        return Decision("undeliverable", None, "no_carer")
    if carer.stopped_at is not None:
        return _wait(task, task.useful_until, "stopped")
    if carer.paused_until is not None and now < carer.paused_until:
        return _wait(task, carer.paused_until, "paused")
    if chat is None:
        return Decision("undeliverable", None, "no_chat")
    if is_quiet(now, zone, quiet):
        return _wait(task, quiet_ends(now, zone, quiet), "quiet")
    if chat.state != "bot" or chat.service_state in WITH_A_PERSON:
        return _wait(task, now + LOOK_AGAIN, "human")
    if busy:
        return _wait(task, now + LOOK_AGAIN, "busy")
    if not chat.window_open(now):
        return Decision("undeliverable", None, _closed_because(chat, now))
    return Decision("send", None, "due")


def _wait(task: Task, until: datetime, reason: str) -> Decision:
    # Looked at a last time when its usefulness ends, so that the end is written down with its reason.
    return Decision("wait", min(until, task.useful_until), reason)


def held_up_by(task: Task, chat: Chat | None, carer: Carer | None, busy: bool) -> str:
    """What kept an opening back until it was too late: a key of wording.yml `undeliverable`."""
    if carer is not None and carer.stopped_at is not None:
        return "stopped"
    if carer is not None and carer.paused_until is not None and task.due_at < carer.paused_until:
        return "paused"
    if chat is not None and (chat.state != "bot" or chat.service_state in WITH_A_PERSON):
        return "human"
    return "busy" if busy else "expired"


def _closed_because(chat: Chat, now: datetime) -> str:
    if chat.service_state == ENDED:
        return "chat_ended"
    if chat.window_from is not None and now < chat.window_from + WINDOW and chat.window_used >= WINDOW_MESSAGES:
        return "over_quota"
    return "window_closed"
