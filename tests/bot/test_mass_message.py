"""A mass message on its whole road, to families as they are: in the window, out of it, at night, twice, stopped, dead."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bot.jobs import NORMAL, Job, defer
from plans.consent import stop
from plans.mass_message import write
from plans.mass_message.audience import choose
from plans.mass_message.preview import preview
from plans.mass_message.results import Counts, counts, results
from plans.reach.route import Channels
from records.database import Database
from records.mass_message import MassMessage
from records.patient import Carer, Patient
from records.schema import Contact
from records.staff import Staff
from tests.bot.conftest import Parrot
from tests.bot.stage import ZONE, Family, Stage, open_stage

CHILD = {"days": 60}


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, Parrot(), tmp_path) as stage:
        yield stage


async def families(stage: Stage, number: int) -> list[Family]:
    """Families that wrote a moment ago."""
    made = [await stage.family(f"家{each}", {"name": f"小{each}", **CHILD}) for each in range(number)]
    for family in made:
        await family.says("你好")
    return made


async def sent(stage: Stage, to: Sequence[Family], *, at: timedelta | None = None, words: str = "{name}的家长：周三停诊。") -> int:
    """Written by 林悦 and submitted."""
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        ids = [id for family in to for id in family.patients]
        numbers = list(await tx.scalars(select(Patient.record_number).where(Patient.id.in_(ids))))
        now = stage.clock()
        chosen = await choose(tx, lin, record_numbers=numbers, now=now, zone=ZONE)
        message = await write.draft(tx, lin, team="新生儿随访组", title="停诊", text=words, audience=chosen, now=now)
        await write.submit(tx, message, lin, send_at=now + at if at is not None else None, now=now, zone=ZONE)
        return message.id


async def told(stage: Stage, id: int) -> tuple[str, Counts]:
    async with stage.db.transaction() as tx:
        message = await tx.get_one(MassMessage, id)
        return message.state, await counts(tx, message)


async def test_each_family_hears_it_once_by_name(stage: Stage) -> None:
    near = await families(stage, 3)
    id = await sent(stage, near)
    await stage.settle()
    for number, family in enumerate(near):
        assert [line for line in await family.hears() if "停诊" in line] == [f"小{number}的家长：周三停诊。"]
    state, seen = await told(stage, id)
    assert (state, seen.states) == ("done", {"sent": 3})
    assert seen.contacts == {("kf", "sent"): 3} or seen.contacts == {("kf", "delivered"): 3}


async def test_a_job_that_runs_again_sends_nothing_again(stage: Stage) -> None:
    near = await families(stage, 2)
    id = await sent(stage, near)
    for _ in range(3):
        await stage.handlers["mass"](str(id))
    await stage.settle()
    assert [len([line for line in await family.hears() if "停诊" in line]) for family in near] == [1, 1]
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Contact)) == 2


async def test_it_waits_for_its_hour_and_for_the_morning(stage: Stage) -> None:
    near = await families(stage, 1)
    id = await sent(stage, near, at=timedelta(hours=12))
    await stage.settle()
    assert (await told(stage, id))[0] == "approved"
    await stage.move(timedelta(hours=12, minutes=1))
    state, seen = await told(stage, id)
    assert (state, seen.states) == ("sending", {"waiting": 1})
    await stage.move(timedelta(hours=12))
    assert [line for line in await near[0].hears() if "停诊" in line] == ["小0的家长：周三停诊。"]


async def test_who_has_stopped_messages_or_died_meanwhile_gets_none(stage: Stage) -> None:
    near = await families(stage, 2)
    id = await sent(stage, near, at=timedelta(hours=1))
    async with stage.db.transaction() as tx:
        carer = (await tx.scalars(select(Carer).where(Carer.external_userid == near[0].user))).one()
        await stop(tx, carer, now=stage.clock())
        child = await tx.get_one(Patient, near[1].patients[0])
        child.died_at = stage.clock()
    await stage.move(timedelta(hours=1, minutes=1))
    await stage.move(timedelta(days=8))
    state, seen = await told(stage, id)
    assert (state, seen.states, seen.skipped) == ("done", {"skipped": 2}, {"stopped": 1, "died": 1})


async def test_a_family_out_of_reach_is_accounted_for(stage: Stage) -> None:
    silent = await stage.family("远方", {"name": "小远", **CHILD})
    id = await sent(stage, [silent])
    await stage.settle()
    state, seen = await told(stage, id)
    assert (state, seen.states, seen.skipped) == ("done", {"skipped": 1}, {"no_chat": 1})


async def test_a_paused_message_stands_still_and_a_cancelled_one_is_over(stage: Stage) -> None:
    near = await families(stage, 2)
    id = await sent(stage, near, at=timedelta(minutes=5))
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        message = await write.access_mass(tx, lin, id)
        await write.begin(tx, message, now=stage.clock())
        await write.pause(tx, message, lin, now=stage.clock())
    await stage.move(timedelta(minutes=10))
    assert (await told(stage, id))[1].states == {"waiting": 2}
    async with stage.db.transaction() as tx:
        message = await write.access_mass(tx, lin, id)
        assert await write.cancel(tx, message, lin, why="写错了", now=stage.clock()) == 2
    await stage.move(timedelta(minutes=10))
    state, seen = await told(stage, id)
    assert (state, seen.skipped) == ("cancelled", {"cancelled": 2})
    assert [line for family in near for line in await family.hears() if "停诊" in line] == []


async def test_live_chats_go_first(stage: Stage) -> None:
    near = await families(stage, 1)
    async with stage.db.transaction() as tx:
        await defer(tx, [Job("nobody_does_this", str(each)) for each in range(60)], priority=NORMAL)
    id = await sent(stage, near)
    await stage.handlers["mass"](str(id))
    assert (await told(stage, id))[1].states == {"waiting": 1}
    async with stage.db.transaction() as tx:
        await tx.execute(text("delete from procrastinate_jobs where task_name = 'nobody_does_this'"))
    await stage.move(timedelta(minutes=1))
    assert (await told(stage, id))[1].states == {"sent": 1}


async def test_a_preview_tells_and_changes_nothing(stage: Stage) -> None:
    near = await families(stage, 2)
    silent = await stage.family("远方", {"name": "小远", **CHILD})
    id = await sent(stage, [*near, silent], at=timedelta(days=1))
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        message = await write.access_mass(tx, lin, id)
        seen = await preview(tx, message, lin, Channels(), now=stage.clock(), zone=ZONE)
    assert (seen.patients, seen.families, seen.routes, seen.held) == (3, 3, {"kf": 2}, {"no_chat": 1})
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Contact)) == 0


async def test_each_family_s_result_is_shown_to_the_team_and_noted_as_read(stage: Stage) -> None:
    near = await families(stage, 2)
    id = await sent(stage, near)
    await stage.settle()
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        message = await write.access_mass(tx, lin, id)
        lines = await results(tx, message, lin, now=stage.clock())
    told = [([name for _, name in line.patients], line.state, line.route) for line in lines]
    assert told == [(["小0"], "sent", "kf"), (["小1"], "sent", "kf")]
