"""The dry run shows what would be sent, and what the guards would hold."""

from datetime import timedelta

from plans.dry_run import Planned, dry_run
from plans.template import load_templates
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, local

NEONATAL = load_templates()["neonatal"]
ANCHORS = {"birth": BIRTH, "discharge": DISCHARGE}


def run(**changes: object) -> list[Planned]:
    return dry_run(NEONATAL, **{"name": "小满", "anchors": ANCHORS, "hour": 9, "start": DISCHARGE, "days": 15, "zone": ZONE, **changes})  # type: ignore[arg-type]


def test_a_family_that_answers_is_asked_daily_and_never_reminded() -> None:
    planned = run()
    assert [message.at for message in planned] == [local(DISCHARGE + timedelta(days=day), 9) for day in range(1, 15)]
    assert {message.kind for message in planned} == {"opening"}
    assert all(message.sent and "小满" in message.text and message.left >= 3 for message in planned)


def test_a_silent_family_is_reminded_until_the_window_closes() -> None:
    planned = run(answers=False)
    assert [(message.kind, message.sent) for message in planned[:3]] == [("opening", True), ("reminder", True), ("opening", False)]
    assert {message.why for message in planned[2:]} == {"window_closed"}


def test_a_late_hour_leaves_no_room_for_a_reminder() -> None:
    reminders = [message for message in run(answers=False, hour=20, days=2) if message.kind == "reminder"]
    assert [(message.sent, message.why) for message in reminders] == [(False, "expired")]


def test_the_whole_plan_fits_its_days() -> None:
    planned = run(days=200)
    assert planned[-1].at <= local(BIRTH + timedelta(days=91), 9)
    assert len(planned) == len({message.at for message in planned}) > 30
