"""How many patients a second are looked at again with all their tags: for the first time, with nothing new, and with a new finding each."""

import asyncio
import time
from datetime import UTC, datetime
from statistics import median
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select, text

from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.private import throw_away_database
from bot.retag import AT_ONCE, LANES
from records.database import Database
from records.patient import Patient
from records.retag import ask_retag
from tagging.medicine import find_medicines
from tagging.tags.engine import retag
from tagging.tags.told import read_told

GOAL_PER_SECOND, GOAL_TURN_MS = 300, 1.0
ZONE = ZoneInfo("Asia/Shanghai")
# A year of a chronically ill child: forty temperatures, four diagnoses, six prescriptions, thirty results, twenty follow-ups.
_FACTS = (
    """insert into observation (patient_id, code, value, unit, text, status, effective_at, recorded_at, detail, said_at)
       select p.id, code, value, unit, '', 'final', at, at, '{}', '{}' from patient p, generate_series(1, 40) n,
       lateral (values ('temperature', 36 + (n + p.id) % 4, 'Cel'), ('weight', 9 + n / 40.0, 'kg')) v (code, value, unit),
       lateral (select now() - n * interval '9 days') past (at)""",
    """insert into condition (patient_id, source, source_id, text, icd10, status, recorded_at, updated_at, said_at)
       select p.id, 'bench', p.id || '-' || code, code, code, 'active', now() - interval '99 days', now(), '{}' from patient p,
       unnest(array['J45.9', 'C91.0', 'M08.2', 'J06.9']) code where (p.id + length(code)) % 2 = 0 or code = 'J45.9'""",
    """insert into medication_request (patient_id, source, source_id, name, times, starts_on, ends_on, status, updated_at, said_at)
       select p.id, 'bench', p.id || '-' || medicine || n, medicine, '[]', current_date - 30 * n, current_date - 30 * n + 30,
              'active', now(), '{}' from patient p, generate_series(0, 2) n, unnest(array['布地奈德', '泼尼松片']) medicine
       on conflict do nothing""",
    """insert into lab_result
         (patient_id, source, source_id, report, item, value, text, unit, collected_at, released_at, updated_at, said_at, status)
       select p.id, 'bench', p.id || '-' || n, '血常规', item, n, n::text, '10*9/L', at, at, now(), '{}', 'final'
       from patient p, generate_series(1, 30) n,
       lateral (select now() - n * interval '9 days', (array['血小板计数', '白细胞', '糖化血红蛋白'])[1 + n % 3]) past (at, item)""",
    """insert into care_plan (patient_id, template, template_version, anchors, state, created_at, created_by)
       select id, 'neonatal', 1, '{}', 'active', now(), 'bench' from patient""",
    """insert into task (care_plan_id, patient_id, step, day, due_at, useful_until, state, answers, sent_at, closed_at)
       select c.id, c.patient_id, 's', at::date, at, at, (array['done', 'missed', 'partial'])[1 + (n + c.id) % 3], '{}', at, at
       from care_plan c, generate_series(1, 20) n, lateral (select now() - n * interval '2 days') past (at)""",
    """insert into inbound (chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
       select c.id, c.id || '-' || n, 3, 'text', '体温36.7度', '{}', at, at, 'done', 0, '{}'
       from chat c, generate_series(1, 60) n, lateral (select now() - n * interval '1 day') past (at)""",
)
_NEWS = """insert into observation (patient_id, code, value, unit, text, status, effective_at, recorded_at, detail, said_at)
    select p.id, 'temperature', 38.5 + n / 10.0, 'Cel', 'new', 'final', at, at, '{}', '{}' from patient p, generate_series(1, 2) n,
    lateral (select cast(:now as timestamptz) - n * interval '1 hour') past (at)"""
_SAID = ("今天吃奶80毫升，体温36.8", "宝宝昨晚咳嗽了几声，精神很好，不烧", "孩子有哮喘，在吃顺尔宁", "别发语音，晚上再发吧", "谢谢医生")


def run(*, patients: int = 600) -> Result:
    """Plant `patients`, then look at all of them three times over. Raises BenchError."""
    return run_to_the_end(_run(patients))


async def _run(patients: int) -> Result:
    async with throw_away_database(pool_size=4) as db:
        now = datetime.now(UTC)
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
            await plant_chats(tx, patients, prefix="wmTags", now=now, zone=ZONE)
            for statement in _FACTS:
                await tx.execute(text(statement))
        async with db.transaction() as tx:
            await tx.execute(text("analyze"))
            ids = list(await tx.scalars(select(Patient.id)))
            await retag(tx, ids[:1], now=now, zone=ZONE)
        begun = time.process_time()
        first, first_s, moved_first = await _look(db, ids[1:], now, "for the first time")
        again, again_s, moved_again = await _look(db, ids, now, "with nothing new")
        async with db.transaction() as tx:
            await tx.execute(text(_NEWS), {"now": now})
        asking = await _asking(db, ids)
        _, news_s, moved_news = await _look(db, ids, now, "with a new finding")
    took = time.process_time() - begun
    rates = {name: round(len(ids) / seconds) for name, seconds in (("first", first_s), ("nothing_new", again_s), ("new_finding", news_s))}
    reading = _reading()
    figures = {
        **{f"{name}_patients_per_second": rate for name, rate in rates.items()},
        **percentiles(first, "batch_first", 0.5, 0.95),
        **percentiles(again, "batch_nothing_new", 0.5, 0.95),
        "changes_of_state": [moved_first, moved_again, moved_news],
        # What the database does is not in it; on a busy machine this is the figure to compare.
        "own_cpu_ms_per_patient": round(1000 * took / (3 * len(ids)), 2),
        "patients": len(ids),
        "at_once": AT_ONCE,
        "reading_a_message_ms": reading,
        "asking_ms": asking,
    }
    meets = {"300_patients_per_second": min(rates.values()) >= GOAL_PER_SECOND, "a_turn_within_1_ms": reading + asking <= GOAL_TURN_MS}
    return result("tags", figures, meets)


async def _look(db: Database, ids: list[int], now: datetime, what: str) -> tuple[list[float], float, int]:
    """Seconds of each batch, seconds of all of them, side by side as the job has them, and how many changes of state there were."""
    seconds: list[float] = []
    moves = 0
    batches = iter([ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)])
    with Progress(console=Console(stderr=True), transient=True, refresh_per_second=2) as progress:
        bar = progress.add_task(f"looking {what}", total=len(ids))

        async def lane() -> None:
            nonlocal moves
            for batch in batches:
                begin = time.perf_counter()
                async with db.transaction() as tx:
                    looked = await retag(tx, batch, now=now, zone=ZONE)
                moves += looked.moves
                seconds.append(time.perf_counter() - begin)
                progress.advance(bar, len(batch))

        begin = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(LANES)))
        return seconds, time.perf_counter() - begin, moves


async def _asking(db: Database, ids: list[int]) -> float:
    """What asking for a look adds to the transaction of a turn, in milliseconds: one statement, for as many turns as share it."""
    seconds = []
    for id in ids[:200]:
        async with db.transaction() as tx:
            await tx.execute(text("select 1"))
            begin = time.perf_counter()
            await ask_retag(tx, [id], datetime.now(UTC))
            seconds.append(time.perf_counter() - begin)
    return round(1000 * median(seconds), 3)


def _reading() -> float:
    """What reading a message for tags adds to a turn, in milliseconds; the medicines are found anyway."""
    seconds = []
    for number in range(400):
        said = f"{_SAID[number % len(_SAID)]}{number}"
        medicines = find_medicines(said)
        begin = time.perf_counter()
        read_told(said, medicines)
        seconds.append(time.perf_counter() - begin)
    return round(1000 * median(seconds[50:]), 3)
