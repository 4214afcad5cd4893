"""What a turn costs the database: statements and rows written, from WeCom's callback to the answer, the same in every run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event, text

from bot.sweep import sweep
from tests.bot.stage import Family, Stage

_NEXT = text("select id, task_name, args->>'key' from procrastinate_jobs where status = 'todo' order by priority desc, id limit 1")
_DONE = text("delete from procrastinate_jobs where id = :id")


@dataclass
class Cost:
    """Of one event, with all jobs that it made."""

    statements: int = 0
    rows_written: int = 0


async def costs(stage: Stage) -> dict[str, Cost]:
    """By what a family does, of a stage on which nobody takes the jobs: they are done here, one after the other."""
    found: dict[str, Cost] = {}
    mother = await stage.family("zhao", {"name": "小满", "days": 9, "birth_weight_g": 3200, "weeks": 39})
    await stage.enrol(mother.patients[0], discharged_days_ago=3)
    await _does(stage, mother, "你好")
    for name, words in {
        "words": "今天挺好的",
        "a value": "今天6斤8两",
        "a danger": "刚才抽搐了两分钟",
    }.items():
        found[name] = await _does(stage, mother, words)
    await _all_done(stage, Cost())
    father = await stage.family("qian", {"name": "豆豆", "days": 9, "birth_weight_g": 3200, "weeks": 39})
    await stage.enrol(father.patients[0], discharged_days_ago=3)
    await _does(stage, father, "你好")
    stage.clock.offset += timedelta(days=1)
    stage.sim_clock.offset = stage.clock.offset.total_seconds()
    found["a follow-up"] = Cost()
    async with counting(stage, found["a follow-up"]):
        await sweep(stage.db, stage.clock)
    await _all_done(stage, found["a follow-up"])
    assert len(await father.hears()) > 1, "no follow-up was opened"
    found["its answer"] = await _does(stage, father, "今天6斤8两")
    return found


async def _does(stage: Stage, family: Family, words: str) -> Cost:
    cost = Cost()
    async with counting(stage, cost):
        await stage.control("POST", f"{family.path}/say", msgtype="text", text={"content": words})
        await stage.simulator.callbacks.idle()
    await _all_done(stage, cost)
    return cost


async def _all_done(stage: Stage, cost: Cost) -> None:
    while True:
        async with stage.db.transaction() as tx:
            job = (await tx.execute(_NEXT)).one_or_none()
            if job is None:
                return
            await tx.execute(_DONE, {"id": job.id})
        async with counting(stage, cost):
            await stage.handlers[job.task_name](job[2])
            await stage.simulator.callbacks.idle()


@asynccontextmanager
async def counting(stage: Stage, cost: Cost) -> AsyncIterator[None]:
    """All statements of the stage's processes, which share one pool here."""

    def counted(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        cost.statements += 1
        if statement.lstrip().split(None, 1)[0].lower() in ("insert", "update", "delete"):
            cost.rows_written += max(0, cursor.rowcount)

    engine = stage.db.engine.sync_engine
    event.listen(engine, "after_cursor_execute", counted)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", counted)
