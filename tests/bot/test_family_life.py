"""Whatever happens in whatever order: no follow-up leaves its table, is opened twice, reminded too often, or spoken of after its end."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from plans.consent import resume, stop
from plans.guard import is_quiet
from plans.personal import template_of
from plans.question import next_question
from plans.queue import go_on
from plans.settle import decline
from plans.task import OPEN, TASK_MOVES, close
from plans.task_key import tasks_in
from records.database import Database
from records.schema import Outbound, StateChange, Task
from tests.bot.test_family_round import NINE, Ward
from tests.plans.conftest import ZONE, make_family

STEPS = ("temperature", "mouth", "intake", "mood", "visit")
EVENTS = 30


class Life:
    """A family to which things happen at random."""

    def __init__(self, ward: Ward, seed: int) -> None:
        self.ward, self.rng, self.now = ward, random.Random(seed), NINE
        self.said: list[tuple[str, datetime]] = []
        self.hushed = False

    async def happens(self) -> None:
        events: list[Callable[[], Awaitable[None]]] = [
            self.falls_due, self.falls_due, self.waits, self.waits, self.waits, self.answers, self.answers, self.puts_off, self.stops,
            self.resumes, self.nurse, self.nurse, self.is_withdrawn, self.window,
        ]  # fmt: skip
        await self.rng.choice(events)()
        before = self.hushed
        rows = {row.key for row in await self.ward.family.tx.scalars(select(Outbound))}
        await self.ward.passes(self.now)
        new = [row for row in await self.ward.family.tx.scalars(select(Outbound)) if row.key not in rows]
        assert not new or not before, "a family that stopped heard something"
        assert not new or not is_quiet(self.now, ZONE), "something was said at night"
        assert not new or self.ward.family.chat.state == "bot", "something was said while a person was there"
        self.said += [(row.key, self.now) for row in new]

    async def falls_due(self) -> None:
        await self.ward.due(self.rng.choice(STEPS), at=self.now, until=self.now + timedelta(hours=self.rng.choice((2, 8, 30))))

    async def waits(self) -> None:
        self.now += timedelta(minutes=self.rng.choice((1, 16, 45, 130, 320, 700)))

    async def current(self) -> Task | None:
        chat = self.ward.family.chat
        task = await self.ward.family.tx.get(Task, chat.task_id) if chat.task_id is not None else None
        return task if task is not None and task.state in OPEN else None

    async def answers(self) -> None:
        task, chat = await self.current(), self.ward.family.chat
        if task is None or chat.state != "bot":
            return
        question = next_question(task, await template_of(self.ward.family.tx, task), self.ward.family.patient)
        if question is None:
            return
        told = {"number": "36.8" if "temperature" in question.vitals else "3分", "symptoms": "都没有", "choice": "第一个", "text": "还好"}
        await self.ward.family.answers(task, told.get(question.kind, "好"), now=self.now)
        chat.window_from = self.now
        await go_on(self.ward.family.tx, chat, now=self.now, zone=ZONE, several=False)

    async def puts_off(self) -> None:
        if (task := await self.current()) is not None:
            reason = self.rng.choice(("not_yet", "cannot"))
            await decline(self.ward.family.tx, task, reason=reason, text="", now=self.now, zone=ZONE)

    async def stops(self) -> None:
        await stop(self.ward.family.tx, self.ward.family.carer, self.now)
        self.hushed = True

    async def resumes(self) -> None:
        await resume(self.ward.family.tx, self.ward.family.carer, self.now)
        self.hushed = False

    async def nurse(self) -> None:
        chat = self.ward.family.chat
        chat.state = "human" if chat.state == "bot" else "bot"

    async def is_withdrawn(self) -> None:
        tasks = list(await self.ward.family.tx.scalars(select(Task).where(Task.state.in_(OPEN)).order_by(Task.id)))
        if tasks:
            await close(self.ward.family.tx, self.rng.choice(tasks), "withdrawn", now=self.now, by="lin", reason="paused")

    async def window(self) -> None:
        self.ward.family.chat.window_from = self.rng.choice((self.now, self.now, self.now - timedelta(hours=47), None))


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_life_keeps_every_promise(db: Database, seed: int) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        family.chat.window_from, family.chat.service_state = NINE - timedelta(hours=2), 1
        life = Life(Ward(family), seed)
        for _ in range(EVENTS):
            await life.happens()
        for _ in range(4):
            life.now += timedelta(hours=24)
            family.chat.state = "bot"
            await life.ward.passes(life.now)
        tasks = list(await tx.scalars(select(Task)))
        assert tasks and all(task.state not in OPEN for task in tasks), [(task.step, task.state, task.next_at) for task in tasks]
        changes = list(await tx.scalars(select(StateChange).where(StateChange.entity == "task").order_by(StateChange.id)))
        for task in tasks:
            mine = [change for change in changes if change.entity_id == task.id]
            state = "scheduled"
            for change in mine:
                assert change.old == state and (change.new == state or change.new in TASK_MOVES[state]), (task.step, change.old, change.new)
                state = change.new
            assert state == task.state
            keys = [(key, at) for key, at in life.said if task.id in tasks_in(key)]
            step = (await template_of(tx, task)).step(task.step)
            assert sum(change.old == "scheduled" and change.new == "sent" for change in mine) <= 1
            assert sum(change.new == "reminded" for change in mine) <= len(step.reminders)
            assert sum(":opening" in key and change_sent(mine, at) for key, at in keys) <= 1
            assert all(task.closed_at is None or at <= task.closed_at for _, at in keys)


def change_sent(changes: list[StateChange], at: datetime) -> bool:
    """Whether the follow-up itself was opened at this moment, rather than named again beside a newer one."""
    return any(change.old == "scheduled" and change.new == "sent" and change.at == at for change in changes)
