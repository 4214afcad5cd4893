"""What kept a follow-up back, noted with it: each guard, since when, until when, how often."""

from datetime import datetime

from records.care_plan import Task

# Beside the answers by question; a question's id never begins like this.
HELD_KEY = "_held"


def note_held(task: Task, reason: str, now: datetime) -> None:
    """Write down that `reason` held the follow-up back at `now`."""
    answers = task.answers or {}
    held = answers.get(HELD_KEY, {})
    before = held.get(reason, {"first": now.isoformat(), "times": 0})
    held = {**held, reason: {"first": before["first"], "last": now.isoformat(), "times": before["times"] + 1}}
    task.answers = {**answers, HELD_KEY: held}
