"""Any sequence of what can happen to a plan: nothing due of a plan that does not run, nothing double, nothing of days gone by."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from plans import definition
from plans.anchor import give_anchor, record_changed
from plans.changing import Changer, ChangeRefused
from plans.death import stop_for_death
from plans.discharge import discharge_changed
from plans.enrolment import PLAN_MOVES, EnrolmentError, end_plan, enrol
from plans.hold import pause_plan, resume_due, resume_plan, stay_began, stay_ended
from plans.planning import plan_on
from plans.task import OPEN, TALKING
from plans.version_move import move_plan
from records.database import Database
from records.schema import Appointment, CarePlan, CarePlanChange, Outbound, StateChange, Task
from records.state import MoveRefused
from tests.keys import KEYRING
from tests.plans.conftest import ZONE, Family, local, make_family
from tests.plans.test_planning import DAILY, DAY, VISIT, WEEKLY, plan_of

EVENTS = (
    "wait", "wait", "wait", "plan", "pause", "holiday", "resume", "stay", "left", "end", "enrol", "visit", "cancel", "chemo", "skip",
    "move", "often", "hours", "undo", "version", "send", "answer", "discharge", "taken_back", "die",
)  # fmt: skip
CHEMO = {"id": "fever", "anchor": "chemo_day", "schedule": [{"days": [2, 5]}]}
TEMPLATES = {
    ("walks", 1): plan_of(DAILY, {**WEEKLY, "hours": [8, 18]}, VISIT, CHEMO, later=["next_visit", "chemo_day"]),
    ("walks", 2): plan_of({"schedule": [{"after": 0, "every": [2]}]}, VISIT, CHEMO, later=["next_visit", "chemo_day"], version=2),
}


class Life:
    """One plan and what happens to it."""

    def __init__(self, family: Family) -> None:
        self.family, self.tx = family, family.tx
        self.now, self.days, self.discharge = local(DAY, 10), 0, DAY

    async def plan(self) -> CarePlan | None:
        chosen = select(CarePlan).order_by(CarePlan.id.desc()).limit(1).execution_options(populate_existing=True)
        return await self.tx.scalar(chosen)

    async def happens(self, event: str, number: int) -> None:
        """One event; what is refused changes nothing."""
        said: dict[str, Any] = {"by": "lin", "now": self.now}
        plan, patient, day = await self.plan(), self.family.patient, self.now.astimezone(ZONE).date() + timedelta(days=number)
        if event == "wait":
            self.now += timedelta(hours=7 * number + 5)
            return
        if event == "enrol" or plan is None:
            await enrol(self.tx, patient, TEMPLATES["walks", 1], anchors={"discharge": self.discharge}, hour=9, zone=ZONE, **said)
            return
        changer = Changer(self.tx, plan, zone=ZONE, **said)
        match event:
            case "plan":
                await plan_on(self.tx, now=self.now, zone=ZONE)
                await resume_due(self.tx, now=self.now, zone=ZONE)
            case "pause":
                await pause_plan(self.tx, plan, why="clinician", **said)
            case "holiday":
                await pause_plan(self.tx, plan, why="holiday", until=day, **said)
            case "resume":
                await resume_plan(self.tx, plan, zone=ZONE, **said)
            case "stay":
                await stay_began(self.tx, patient.id, **said)
            case "left":
                await stay_ended(self.tx, patient.id, zone=ZONE, **said)
            case "end":
                await end_plan(self.tx, plan, state="ended", reason="x", **said)
            case "visit" | "cancel":
                await self.visit(event, day)
                await record_changed(self.tx, [patient.id], zone=ZONE, **said)
            case "chemo":
                await give_anchor(self.tx, plan, "chemo_day", [day][: number % 3], zone=ZONE, **said)
            case "skip":
                await changer.skip("s0", day, 0)
            case "move":
                await changer.move("s0", day, day + timedelta(days=1), hour=10)
            case "often":
                await changer.change_frequency("s0", 1 + number, days=10)
            case "hours":
                await changer.change_hours("*", [8 + number, 19])
            case "undo":
                await self.undo(changer)
            case "version":
                await move_plan(self.tx, plan, TEMPLATES["walks", 3 - plan.template_version], zone=ZONE, **said)
            case "send" | "answer":
                await self.talk(event)
            case "discharge" | "taken_back":
                new = self.discharge + timedelta(days=number - 2) if event == "discharge" else None
                await discharge_changed(self.tx, patient, self.discharge, new, zone=ZONE, **said)
                self.discharge = new or self.discharge
            case "die":
                if number == 4:
                    patient.died_at = self.now
                    await self.tx.flush()
                    await stop_for_death(self.tx, patient, **said)

    async def undo(self, changer: Changer) -> None:
        row = await self.tx.scalar(select(CarePlanChange).where(CarePlanChange.undone_at.is_(None)).limit(1))
        plan = await self.plan()
        if row is not None and plan is not None and row.care_plan_id == plan.id:
            await changer.undo(row)

    async def visit(self, event: str, day: Any) -> None:
        row = await self.tx.scalar(select(Appointment).limit(1))
        if row is None:
            row = Appointment(
                patient_id=self.family.patient.id, source="h", source_id="a", said_at={}, updated_at=self.now, department="儿科"
            )
            self.tx.add(row)
        row.starts_at, row.status = local(day, 14), "booked" if event == "visit" else "cancelled"
        await self.tx.flush()

    async def talk(self, event: str) -> None:
        states = ("scheduled",) if event == "send" else tuple(TALKING)
        task = await self.tx.scalar(select(Task).where(Task.state.in_(states), Task.due_at <= self.now).limit(1))
        if task is None:
            return
        if event == "answer":
            task.state, task.closed_at = "done", self.now
        else:
            task.state, task.chat_id = "sent", self.family.chat.id
            to = {"chat_id": self.family.chat.id, "line": "c", "route": "kf", "payload": {}, "purpose": "task"}
            self.tx.add(Outbound(key=f"task:{task.id}:opening", not_before=self.now, created_at=self.now, **to))
        await self.tx.flush()

    async def holds(self, since: datetime) -> None:
        """What must hold after every event; `since` is when it began."""
        plans = {plan.id: plan for plan in await self.tx.scalars(select(CarePlan).execution_options(populate_existing=True))}
        tasks = (await self.tx.scalars(select(Task).execution_options(populate_existing=True))).all()
        running = [plan for plan in plans.values() if plan.state in ("active", "paused")]
        assert len(running) <= 1
        for task in tasks:
            if task.state in OPEN:
                assert plans[task.care_plan_id].state == "active" and self.family.patient.died_at is None
        keys = [(task.care_plan_id, task.step, task.day, task.slot) for task in tasks if task.state != "withdrawn"]
        assert len(keys) == len(set(keys))
        assert all(8 <= task.due_at.astimezone(ZONE).hour < 21 for task in tasks)
        waiting = set(await self.tx.scalars(select(Outbound.key).where(Outbound.state == "queued")))
        assert waiting <= {f"task:{task.id}:opening" for task in tasks if task.state in ("sent", "done")}
        made = select(StateChange.entity_id).where(StateChange.entity == "task", StateChange.old.is_(None), StateChange.at >= since)
        fresh = {task.id: task for task in tasks}
        assert all(fresh[id].useful_until > since for id in await self.tx.scalars(made) if id in fresh)
        moves = await self.tx.execute(
            select(StateChange.old, StateChange.new).where(StateChange.entity == "care_plan", StateChange.old != StateChange.new)
        )
        assert all(new in PLAN_MOVES[old] for old, new in moves)
        counted = await self.tx.scalar(
            select(func.count()).select_from(StateChange).where(StateChange.entity == "task", StateChange.old.is_(None))
        )
        assert counted == len(tasks)


async def _lived(url: str, events: list[tuple[str, int]]) -> None:
    db = Database(url=url, pool_size=1, keyring=KEYRING)
    await db.open()
    try:
        async with db.transaction() as tx:
            life = Life(await make_family(tx))
            await life.happens("enrol", 0)
            for event, number in events:
                since = life.now
                try:
                    async with tx.begin_nested():
                        await life.happens(event, number)
                except (EnrolmentError, MoveRefused, ChangeRefused):
                    await tx.refresh(life.family.patient)
                    await tx.refresh(life.family.chat)
                await life.holds(since)
            raise _Done
    except _Done:
        pass
    finally:
        await db.close()


class _Done(Exception):
    """Nothing of a life is kept."""


def test_any_life_of_a_plan(database_url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(definition, "find_template", lambda id, version: TEMPLATES[id, version])
    monkeypatch.setattr(definition, "shipped", lambda: frozenset(TEMPLATES))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 4)), min_size=5, max_size=25))
    def lives(events: list[tuple[str, int]]) -> None:
        asyncio.run(_lived(database_url, events))

    lives()
