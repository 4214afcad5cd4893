"""What a portrait costs, of a patient with some days on file and of one with years."""

import time
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.clock import Clock
from bot.private import throw_away_database
from records.chat import Chat
from records.database import Database
from records.patient import PatientCarer
from records.staff import Staff
from tagging.portrait.portrait import portrait

ZONE = ZoneInfo("Asia/Shanghai")
# Readings and signs; of results, messages and the rest a share of that.
SHORT, LONG = 30, 30_000
GOAL_MS = 30.0
# Others are on file too, so that a patient's rows are not all there is.
OTHERS = 100
_AT = "lateral (select cast(:now as timestamptz) - n * cast(cast(:apart as text) as interval)) past (at)"
_PAST = (
    (1, "47 minutes", """
insert into observation (patient_id, code, value, unit, text, status, effective_at, recorded_at, detail, said_at)
select :patient, code, value, unit, cast(n as text), 'final', at, at, '{"status": "present", "when": "now"}', '{}'
from generate_series(1, :count) n, {at}, lateral (select * from (values
  ('weight', 4.1 + 1.0 / n, 'kg'), ('temperature', 36.8, 'Cel'), ('height', 54.0, 'cm'), ('heart_rate', 140, '/min'),
  ('cough', null, null), ('fever', null, null), ('medicine', null, null)) kinds (code, value, unit) offset n % 7 limit 1) kind"""),
    (5, "3 hours", """
insert into lab_result
  (patient_id, source, source_id, updated_at, report, item, text, value, unit, status, collected_at, released_at, said_at)
select :patient, 'bench', :patient || '-' || n, at, '血常规', (array['白细胞', '血红蛋白', '血小板', '钾', 'CRP'])[1 + n % 5], '5.1', 5.1,
  '10^9/L', 'final', at, at, '{}'
from generate_series(1, :count) n, {at}"""),
    (5, "3 hours", """
insert into inbound (chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
select :chat, 'old' || :chat || '-' || n, 3, 'text', 'x', '{}', at, at, 'done', 0, '{}' from generate_series(1, :count) n, {at}"""),
    (60, "1 day", """
insert into flag
  (patient_id, team_id, level, category, categories, said, because, evidence, state, tier, round, repeats, raised_at, closed_at)
select :patient, :team, 'urgent', 'bench' || n, '[]', 'x', 'x', '[]', 'closed', 1, 0, 0, at, at from generate_series(1, :count) n, {at}"""),
    (300, "20 days", """
insert into encounter (patient_id, kind, department, state, started_at, ended_at, said_at)
select :patient, 'inpatient', 'bench', 'finished', at - interval '3 days', at, '{}' from generate_series(1, :count) n, {at}"""),
)  # fmt: skip


def run(*, times: int = 60) -> Result:
    """Read both portraits `times` over, in turn. Raises BenchError."""
    return run_to_the_end(_run(times))


async def _run(times: int) -> Result:
    async with throw_away_database(pool_size=2) as db:
        return await measure(db, times=times, long=LONG, others=OTHERS)


async def measure(db: Database, *, times: int, long: int, others: int) -> Result:
    """Plant the patients and read their portraits; the first reading of each, which loads the clinical tables, is not counted."""
    now = Clock()()
    async with db.transaction() as tx:
        await plant_team(tx, ["wkBench"])
        chats = await plant_chats(tx, 2 + others, prefix="wmPortrait", now=now, zone=ZONE)
        for number, chat in enumerate(chats):
            await _plant(tx, chat, long if number == 1 else SHORT, now)
        await tx.execute(text("analyze"))
    seconds: dict[str, list[float]] = {"short": [], "long": []}
    statements: dict[str, int] = {}
    for _ in range(times + 1):
        for name, chat in (("short", chats[0]), ("long", chats[1])):
            taken, count = await _read(db, chat, now)
            seconds[name].append(taken)
            statements[name] = count
    counted = {name: taken[1:] for name, taken in seconds.items()}
    ratio = round(median(counted["long"]) / median(counted["short"]), 3)
    figures = {
        "long_to_short_ratio": ratio,
        **percentiles(counted["short"], "short", 0.5, 0.95),
        **percentiles(counted["long"], "long", 0.5, 0.95),
    }
    figures |= {f"statements_{name}": count for name, count in statements.items()}
    goals = {
        "p50_below_30_ms": median(counted["long"]) * 1000 < GOAL_MS,
        "statements_do_not_grow": statements["short"] == statements["long"],
    }
    return result("portrait", figures, goals)


async def _plant(tx: AsyncSession, chat_id: int, count: int, now: datetime) -> None:
    chat = await tx.get_one(Chat, chat_id)
    patient = await tx.scalar(select(PatientCarer.patient_id).where(PatientCarer.carer_id == chat.carer_id))
    known = {"patient": patient, "chat": chat_id, "team": chat.team_id, "now": now - timedelta(minutes=1)}
    for share, apart, statement in _PAST:
        given = {**known, "count": count // share, "apart": apart}
        sql = statement.replace("{at}", _AT)
        await tx.execute(text(sql), {name: value for name, value in given.items() if f":{name}" in sql})


async def _read(db: Database, chat_id: int, now: datetime) -> tuple[float, int]:
    """Seconds of one portrait through the guarded door, and its statements."""
    statements: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    async with db.transaction() as tx:
        chat = await tx.get_one(Chat, chat_id)
        patient = await tx.scalar(select(PatientCarer.patient_id).where(PatientCarer.carer_id == chat.carer_id))
        staff = (await tx.scalars(select(Staff))).one()
        event.listen(db.engine.sync_engine, "before_cursor_execute", note)
        begin = time.perf_counter()
        await portrait(tx, staff, patient or 0, now=now, zone=ZONE)
        await tx.flush()
        taken = time.perf_counter() - begin
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
    return taken, len(statements)
