"""Enrolment plans the right days at the family's hour, and refuses what cannot be meant."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from plans.enrolment import EnrolmentError, check_can_enrol, end_plan, enrol
from plans.planning import plan_on
from plans.schedule import schedule
from plans.template import load_templates
from records.database import Database
from records.schema import CarePlan, Patient, StateChange, Task
from records.state import MoveRefused
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, Family, local, make_family

NEONATAL = load_templates()["neonatal"]
ANCHORS = {"birth": BIRTH, "discharge": DISCHARGE}


def baby(**fields: object) -> Patient:
    known = {
        "team_id": 1,
        "record_number": "N1",
        "name": "小满",
        "birth_date": BIRTH,
        "birth_weight_g": 3400.0,
        "gestational_age_weeks": 39,
    }
    return Patient(**{**known, **fields})


async def test_the_days_of_the_plan(family: Family) -> None:
    plan = await family.enrolled()
    for days in range(100):
        await plan_on(family.tx, now=local(DISCHARGE + timedelta(days=days), 12), zone=ZONE)
    tasks = (await family.tx.scalars(select(Task).where(Task.care_plan_id == plan.id).order_by(Task.day))).all()
    offsets = [(task.day - DISCHARGE).days for task in tasks]
    assert offsets[:19] == [*range(1, 15), 17, 21, 24, 28, 31]
    assert tasks[-1].day <= BIRTH + timedelta(days=91) < tasks[-1].day + timedelta(days=4)
    assert all(task.due_at == local(task.day, 9) and task.state == "scheduled" for task in tasks)
    assert all(task.useful_until == local(task.day + timedelta(days=1), 0) for task in tasks)
    changes = (await family.tx.scalars(select(StateChange).where(StateChange.entity == "task"))).all()
    assert len(changes) == len(tasks)


@pytest.mark.parametrize(
    "now, first, due",
    [
        (local(date(2026, 3, 11), 8), date(2026, 3, 11), local(date(2026, 3, 11), 9)),
        (local(date(2026, 3, 11), 15), date(2026, 3, 11), local(date(2026, 3, 11), 9)),
        (local(date(2026, 3, 11), 21), date(2026, 3, 12), local(date(2026, 3, 12), 9)),  # nothing goes out any more tonight
        (local(date(2026, 3, 11), 23, 59), date(2026, 3, 12), local(date(2026, 3, 12), 9)),
        (local(date(2026, 3, 12), 0), date(2026, 3, 12), local(date(2026, 3, 12), 9)),
        (local(date(2026, 3, 20), 10), date(2026, 3, 20), local(date(2026, 3, 20), 9)),  # day 15 is none of the plan's days
    ],
)
def test_a_late_discharge_starts_today(now: datetime, first: date, due: datetime) -> None:
    dues = check_can_enrol(baby(), NEONATAL, anchors=ANCHORS, hour=9, now=now, zone=ZONE)
    assert (dues[0].day, dues[0].due_at) == (first, due)


def test_a_discharge_today_starts_tomorrow() -> None:
    dues = check_can_enrol(baby(), NEONATAL, anchors=ANCHORS, hour=9, now=local(DISCHARGE, 7), zone=ZONE)
    assert dues[0].day == DISCHARGE + timedelta(days=1)


@pytest.mark.parametrize(
    "code, fields, anchors, hour",
    [
        ("birth_in_future", {"birth_date": date(2026, 3, 9)}, {"birth": date(2026, 3, 9), "discharge": date(2026, 3, 9)}, 9),
        ("birth_differs", {}, {"birth": date(2026, 2, 1), "discharge": DISCHARGE}, 9),
        ("discharge_before_birth", {}, {"birth": BIRTH, "discharge": date(2026, 2, 27)}, 9),
        ("not_discharged", {}, {"birth": BIRTH, "discharge": date(2026, 5, 1)}, 9),
        ("anchor_missing", {}, {"birth": BIRTH}, 9),
        ("anchor_unknown", {}, {**ANCHORS, "surgery": DISCHARGE}, 9),
        ("anchor_missing", {}, {"birth": BIRTH, "discharge": []}, 9),
        ("missing", {"birth_weight_g": None}, ANCHORS, 9),
        ("absurd", {"birth_weight_g": 34000.0}, ANCHORS, 9),
        ("absurd", {"birth_weight_g": 3.4}, ANCHORS, 9),
        ("absurd", {"gestational_age_weeks": 390}, ANCHORS, 9),
        ("hour", {}, ANCHORS, 7),
        ("hour", {}, ANCHORS, 21),
    ],
)
def test_what_cannot_be_meant_is_refused(code: str, fields: dict[str, object], anchors: dict[str, date], hour: int) -> None:
    with pytest.raises(EnrolmentError) as refused:
        check_can_enrol(baby(**fields), NEONATAL, anchors=anchors, hour=hour, now=local(DISCHARGE, 10), zone=ZONE)
    assert (refused.value.code, refused.value.permanent) == (code, True)
    assert isinstance(refused.value, ValueError)


def test_a_plan_that_is_over_is_refused() -> None:
    with pytest.raises(EnrolmentError, match="过期"):
        check_can_enrol(baby(), NEONATAL, anchors=ANCHORS, hour=9, now=local(date(2026, 8, 1)), zone=ZONE)


def test_the_gestational_age_may_be_unknown() -> None:
    assert check_can_enrol(baby(gestational_age_weeks=None), NEONATAL, anchors=ANCHORS, hour=9, now=local(DISCHARGE), zone=ZONE)


async def test_enrolling_twice_is_refused_and_again_after_the_end_is_not(family: Family) -> None:
    plan = await family.enrolled()
    with pytest.raises(EnrolmentError, match="已经在"):
        await family.enrolled()
    withdrawn = await end_plan(family.tx, plan, state="withdrawn", by="nurse-lin", reason="搬家", now=local(DISCHARGE, 11))
    assert withdrawn == 14
    with pytest.raises(MoveRefused):
        await end_plan(family.tx, plan, state="ended", by="nurse-lin", reason="", now=local(DISCHARGE, 11))
    assert (await family.enrolled()).id != plan.id


async def test_a_refused_enrolment_leaves_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        family.patient.birth_weight_g = 34000
        with pytest.raises(EnrolmentError):
            await enrol(tx, family.patient, NEONATAL, anchors=ANCHORS, hour=9, by="nurse-lin", now=local(DISCHARGE), zone=ZONE)
    async with db.transaction() as tx:
        assert (await tx.scalars(select(CarePlan))).all() == []


ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC"]


@given(day=st.dates(date(1985, 1, 1), date(2040, 1, 1)), hour=st.integers(8, 20), name=st.sampled_from(ZONES))
def test_the_familys_hour_survives_clock_changes(day: date, hour: int, name: str) -> None:
    zone = ZoneInfo(name)
    dues = schedule(NEONATAL, {"birth": day, "discharge": day}, hour=hour, zone=zone)
    assert len({due.day for due in dues}) == len(dues)
    for due in dues:
        assert due.due_at.tzinfo is UTC
        seen = due.due_at.astimezone(zone)
        assert (seen.date(), seen.hour, seen.minute) == (due.day, hour, 0)
        assert (due.useful_until - timedelta(microseconds=1)).astimezone(zone).date() == due.day
        assert due.useful_until.astimezone(zone).date() == due.day + timedelta(days=1)


def test_a_child_that_has_died_is_put_on_no_plan() -> None:
    with pytest.raises(EnrolmentError, match="去世") as refused:
        check_can_enrol(baby(died_at=local(DISCHARGE)), NEONATAL, anchors=ANCHORS, hour=9, now=local(DISCHARGE, 10), zone=ZONE)
    assert refused.value.code == "died"
