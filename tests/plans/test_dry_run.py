"""The dry run shows what would be sent, what falls together, and what quiet hours, window and budget would hold."""

from datetime import timedelta

from plans.dry_run import Contact, Wanted, collisions, dry_run, wanted_of
from plans.dry_run_people import Summary, families_of
from plans.guard import is_quiet
from plans.reach.policy import Budget
from plans.schedule import schedule
from plans.template import load_templates
from records.schema import PatientCarer
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, Family, local
from tests.plans.test_enrol_many import babies

NEONATAL = load_templates()["neonatal"]
ANCHORS = {"birth": BIRTH, "discharge": DISCHARGE}
BUDGET = Budget(per_day=4, per_week=20)


def run(*, days: int = 15, hour: int = 9, answers: bool = True, more: tuple[Wanted, ...] = (), budget: Budget = BUDGET) -> list[Contact]:
    dues = schedule(NEONATAL, ANCHORS, hour=hour, zone=ZONE, start=DISCHARGE)
    wanted = [*wanted_of(NEONATAL, dues, "小满"), *more]
    return dry_run(wanted, start=DISCHARGE, days=days, zone=ZONE, budget=budget, answers=answers)


def walk(day: int, hour: int, useful_hours: int = 5) -> Wanted:
    at = local(DISCHARGE + timedelta(days=day), hour)
    return Wanted(at, at + timedelta(hours=useful_hours), "小星", "散步", "walk", "散步", "走一走")


def test_a_family_that_answers_is_asked_daily_and_never_reminded() -> None:
    contacts = run()
    assert [contact.at for contact in contacts] == [local(DISCHARGE + timedelta(days=day), 9) for day in range(1, 15)]
    assert {contact.kind for contact in contacts} == {"opening"}
    assert all(contact.sent and "小满" in contact.items[0].text and contact.left >= 3 for contact in contacts)


def test_a_silent_family_is_reminded_until_the_window_closes() -> None:
    contacts = run(answers=False)
    assert [(contact.kind, contact.sent) for contact in contacts[:3]] == [("opening", True), ("reminder", True), ("opening", False)]
    assert {contact.why for contact in contacts[2:]} == {"window_closed"}


def test_a_late_hour_leaves_no_room_for_a_reminder() -> None:
    reminders = [contact for contact in run(answers=False, hour=20, days=2) if contact.kind == "reminder"]
    assert [(contact.sent, contact.why) for contact in reminders] == [(False, "expired")]


def test_what_is_due_at_one_moment_is_one_conversation_and_the_rest_of_the_day_is_told() -> None:
    contacts = run(more=(walk(2, 9), walk(3, 15)))
    assert [len(contact.items) for contact in contacts].count(2) == 1
    assert [((each.day - DISCHARGE).days, each.contacts, each.bundled) for each in collisions(contacts, ZONE)] == [(2, 1, 1), (3, 2, 0)]


def test_the_night_holds_and_what_is_useful_no_more_expires() -> None:
    held, lost = run(days=3, more=(walk(1, 6, 5), walk(2, 22, 2)))[0], run(days=3, more=(walk(2, 22, 2),))[-1]
    assert (held.at, held.items[0].child, held.sent) == (local(DISCHARGE + timedelta(days=1), 8), "小星", True)
    assert (lost.sent, lost.why) == (False, "quiet")


def test_the_budget_and_the_windows_reserve_hold() -> None:
    many = tuple(walk(1, hour) for hour in range(10, 16))
    spent = [contact for contact in run(days=2, more=many) if not contact.sent]
    assert {contact.why for contact in spent} == {"over_budget"}
    silent = run(days=2, more=many, answers=False, budget=Budget(per_day=20, per_week=100))
    assert sum(contact.sent for contact in silent) == 4
    assert {contact.why for contact in silent if not contact.sent} == {"over_quota"}
    assert not any(contact.sent and is_quiet(contact.at, ZONE) for contact in silent)


async def test_a_family_with_two_children_and_a_cohort_in_numbers(family: Family) -> None:
    (other,) = await babies(family, 1)
    family.tx.add(PatientCarer(patient_id=other.id, carer_id=family.carer.id, relationship="母亲"))
    await family.enrolled()
    now, summary, seen = local(DISCHARGE, 12), Summary(), set[int]()
    asked = {"days": 10, "now": now, "zone": ZONE, "seen": seen, "summary": summary}
    (both,) = await families_of(family.tx, [other.id], NEONATAL, **asked)  # type: ignore[arg-type]
    assert both.children == ("小满", "宝0") and {len(contact.items) for contact in both.contacts} == {2}
    summary.add(both, ZONE)
    assert await families_of(family.tx, [family.patient.id], NEONATAL, **asked) == []  # type: ignore[arg-type]
    (alone,) = await babies(family, 1, sex="M")
    (light,) = await babies(family, 1, birth_weight_g=None, sex="M", birth_order=2)
    for one in await families_of(family.tx, [alone.id, light.id], NEONATAL, **asked):  # type: ignore[arg-type]
        summary.add(one, ZONE)
    assert (summary.families, summary.messages, summary.followups) == (3, 9, 27)
    assert dict(summary.why) == {"no_carer": 9} and dict(summary.refused) == {"missing": 1}
    assert (summary.collisions, summary.bundled) == (9, 9)
