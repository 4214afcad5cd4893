"""What partitions by month would bring to `inbound`, the table that grows fastest: the same rows in it and in one cut by ranges of id.

By id and not by a time, because ids grow with time and the primary key, to which other tables point, may then stay as it is. What a family
has written, newest first, is what every turn and page reads; a month that is over is what retention lets go of.
"""

import time
from datetime import UTC, datetime
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import track
from sqlalchemy import text

from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, result
from bot.private import throw_away_database
from records.database import Database

ROWS, MONTHS, CHATS, READS = 5_000_000, 24, 2_000, 400
WHOLE, CUT = "inbound", "inbound_cut"
# Each chat's messages lie evenly over all months, as those of a family in long care do.
_FILL = """
insert into {table} (id, chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
select n, (cast(:chats as bigint[]))[1 + n % :count], 'old' || n, 3, 'text', '体温36.7度', '{{}}', at, at, 'done', 0, '{{}}'
from generate_series(cast(:low as bigint), cast(:high as bigint)) n,
    lateral (select cast(:now as timestamptz) - (:rows - n) * interval '10 s') past (at)
"""
_LATEST = "select id, text from {table} where chat_id = :chat order by id desc limit 50"
_STORE = """
insert into {table} (id, chat_id, msgid, origin, msgtype, text, body, sent_at, received_at, state, attempts, outcome)
values (:id, :chat, 'new' || :id, 3, 'text', '体温36.7度', '{{}}', now(), now(), 'new', 0, '{{}}')
"""


def run(*, rows: int = ROWS) -> Result:
    """Fill both with `rows` messages of 24 months and ask both the same, medians in microseconds. Raises BenchError."""
    return run_to_the_end(_run(rows))


async def _run(rows: int) -> Result:
    month = rows // MONTHS
    figures: dict[str, float] = {"rows": MONTHS * month, "months": MONTHS}
    async with throw_away_database(pool_size=2) as db:
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
            chats = await plant_chats(tx, CHATS, prefix="wmPart", now=datetime.now(UTC), zone=ZoneInfo("Asia/Shanghai"))
        await cut(db, month)
        for name, table in (("whole", WHOLE), ("cut", CUT)):
            figures |= await measure(db, name, table, chats, month)
    ratios = {
        "latest_cut_to_whole_ratio": round(figures["cut_latest_p50_us"] / figures["whole_latest_p50_us"], 2),
        "store_cut_to_whole_ratio": round(figures["cut_store_p50_us"] / figures["whole_store_p50_us"], 2),
        "let_go_whole_to_cut_ratio": round(figures["whole_let_go_of_a_month_s"] / max(figures["cut_let_go_of_a_month_s"], 0.001)),
    }
    return result("partitions", ratios | figures, {})


async def cut(db: Database, month: int) -> None:
    """Make the table that is cut: `month` ids to each part, and one for what comes while it is measured."""
    async with db.transaction() as tx:
        await tx.execute(text(f"create table {CUT} (like {WHOLE} including defaults, primary key (id)) partition by range (id)"))
        for number in range(MONTHS):
            low, high = number * month + 1, (number + 1) * month + 1
            await tx.execute(text(f"create table {CUT}_{number} partition of {CUT} for values from ({low}) to ({high})"))
        await tx.execute(text(f"create table {CUT}_new partition of {CUT} default"))
        # As the table has them, but for the message id: of one value in all partitions no index can be sure.
        await tx.execute(text(f"create index on {CUT} (chat_id, id)"))
        await tx.execute(text(f"create index on {CUT} (chat_id, id) where state = 'new'"))
        await tx.execute(text(f"create index on {CUT} (msgid)"))


async def measure(db: Database, name: str, table: str, chats: list[int], month: int) -> dict[str, float]:
    """Fill `table`, read and store READS times (medians, µs), and let go of the oldest month (s); the figures are called by `name`."""
    now, rows, rng = datetime.now(UTC), MONTHS * month, Random(1)  # noqa: S311 - which chats are read
    begin = time.perf_counter()
    for number in track(range(MONTHS), f"filling {table}", console=Console(stderr=True), transient=True):
        span = {"low": number * month + 1, "high": (number + 1) * month, "rows": rows, "now": now, "chats": chats, "count": len(chats)}
        async with db.transaction() as tx:
            await tx.execute(text(_FILL.format(table=table)), span)
    filled = time.perf_counter() - begin
    async with db.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text(f"vacuum analyze {table}"))
    latest, store = list[float](), list[float]()
    async with db.transaction() as tx:
        for number in range(READS):
            chat = rng.choice(chats)
            latest.append(await _timed(tx.execute(text(_LATEST.format(table=table)), {"chat": chat})))
            store.append(await _timed(tx.execute(text(_STORE.format(table=table)), {"chat": chat, "id": rows + 1 + number})))
    async with db.transaction() as tx:
        oldest = text(f"drop table {CUT}_0") if table == CUT else text("delete from inbound where id <= :month").bindparams(month=month)
        gone = await _timed(tx.execute(oldest))
    return {
        f"{name}_filled_s": round(filled, 1),
        f"{name}_latest_p50_us": round(1e6 * median(latest[READS // 10 :])),
        f"{name}_store_p50_us": round(1e6 * median(store[READS // 10 :])),
        f"{name}_let_go_of_a_month_s": round(gone, 3),
    }


async def _timed(asked: object) -> float:
    begin = time.perf_counter()
    await asked  # type: ignore[misc]
    return time.perf_counter() - begin
