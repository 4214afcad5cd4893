"""How the whole installation stands, for /metrics: counted in the database, which all processes share. deploy/prometheus has the alerts."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.job_kinds import strangers
from bot.jobs import workers_alive
from bot.outbox import strange_routes
from plans.reach.purpose import PROACTIVE
from records.chat import WINDOW
from records.database import Database
from records.flag import LEVELS
from records.message import HELD
from records.sending import sending

WORKERS = Gauge("careloop_workers", "Workers that have shown a sign of life lately")
STRANGE = Gauge("careloop_unknown_work", "Jobs and messages of kinds that this version does not know")
JOBS = Gauge("careloop_jobs", "Jobs in the queue, by kind and state", ["kind", "state"])
HEARD = Gauge("careloop_inbound_oldest_seconds", "How long the oldest message that nobody has handled has waited")
UNPULLED = Gauge("careloop_news_oldest_seconds", "How long ago WeCom told of news that nobody has pulled")
DEAD = Gauge("careloop_inbound_dead", "Families' messages that were set aside")
WAITING = Gauge(
    "careloop_outbox_waiting", "Messages that may go now and have not gone, those that answer and those that we begin", ["kind"]
)
OLDEST = Gauge("careloop_outbox_oldest_seconds", "How long the oldest of them has waited", ["kind"])
FAILED = Gauge("careloop_outbox_failed", "Messages that were refused for good")
PAUSED = Gauge("careloop_sending_held", "1 while what we begin waits for a person", ["why"])
OPEN = Gauge("careloop_flags_open", "Alerts that nobody has closed", ["level"])
UNTAKEN = Gauge("careloop_flags_unacknowledged_seconds", "How long the oldest alert that nobody has taken is open", ["level"])
CLOSING = Gauge("careloop_windows_closing", "Chats whose 48 hours end within four, while something waits for the family there")
TOKEN = Gauge("careloop_token_seconds_left", "How long the newest platform token lasts")
DATABASE = Gauge("careloop_database_bytes", "Size of the database")
DISK_FREE = Gauge("careloop_disk_free_bytes", "Free space where data_dir lies")
DISK = Gauge("careloop_disk_bytes", "All space where data_dir lies")
STANDBYS = Gauge("careloop_replication_standbys", "Standbys that are connected to the primary")
LAG = Gauge("careloop_replication_lag_bytes", "How far a standby is behind", ["standby"])
SLOT = Gauge("careloop_replication_slot_bytes", "WAL that the server keeps for whoever fetches it (standby, backup)", ["slot"])

# An end that comes so soon is a reason to look now (h).
SOON = 4
_JOBS = text("select task_name, status::text, count(*) from procrastinate_jobs group by 1, 2")
_MESSAGES = text(
    """
    select (select min(received_at) from inbound where state = 'new') as heard,
           (select count(*) from inbound where state = 'dead') as dead,
           (select min(news_at) from kf_account where pulled_at is null or news_at > pulled_at) as news,
           (select max(expires_at) from access_token) as token,
           (select count(*) from outbound where state = 'failed') as failed,
           pg_database_size(current_database()) as size
    """
)
_OUTBOX = text(
    """
    select purpose = any(cast(:begun as text[])), count(*), min(not_before) from outbound
    where state in ('queued', 'sending') and not_before <= :now and error is distinct from :held group by 1
    """
)
_FLAGS = text(
    "select level, count(*), min(raised_at) filter (where state in ('raised', 'delivered')) from flag where state <> 'closed' group by 1"
)
_CLOSING = text(
    """
    select count(*) from chat where window_from > :now - make_interval(secs => :window) and
    window_from <= :now - make_interval(secs => :window) + make_interval(hours => :soon) and (
        exists (select from outbound where outbound.line = 'chat:' || chat.id and state in ('queued', 'sending'))
        or exists (select from flag where flag.chat_id = chat.id and state <> 'closed'))
    """
)
_STANDBYS = text(
    "select coalesce(nullif(application_name, ''), client_addr::text, 'standby'), pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) "
    "from pg_stat_replication where state = 'streaming' and replay_lsn is not null"
)
_SLOTS = text(
    "select slot_name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) from pg_replication_slots where restart_lsn is not null"
)


async def read_installation_gauges(db: Database, now: datetime, data: Path) -> None:
    """Bring the gauges up to date. `data` is the data folder. Raises what the database raises."""
    async with db.transaction() as tx:
        await _work(tx, now)
        await _messages(tx, now)
        await _people(tx, now)
        await _replication(tx)
    await asyncio.to_thread(_disk, data)


def _disk(data: Path) -> None:
    found = shutil.disk_usage(data if data.exists() else Path())
    DISK.set(found.total)
    DISK_FREE.set(found.free)


async def _work(tx: AsyncSession, now: datetime) -> None:
    WORKERS.set(await workers_alive(tx))
    STRANGE.set(sum((await strangers(tx)).values()) + sum((await strange_routes(tx)).values()))
    JOBS.clear()
    for kind, state, count in await tx.execute(_JOBS):
        JOBS.labels(kind, state).set(count)
    held = await sending(tx)
    PAUSED.labels("paused").set(held.pause is not None)
    PAUSED.labels("restored").set(held.back is not None and held.back.paused)


async def _messages(tx: AsyncSession, now: datetime) -> None:
    found = (await tx.execute(_MESSAGES)).one()
    HEARD.set(_age(found.heard, now))
    DEAD.set(found.dead)
    UNPULLED.set(_age(found.news, now))
    FAILED.set(found.failed)
    DATABASE.set(found.size)
    if found.token is not None:
        TOKEN.set((found.token - now).total_seconds())
    rows: dict[bool, Any] = {
        begun: (count, oldest) for begun, count, oldest in await tx.execute(_OUTBOX, {"begun": sorted(PROACTIVE), "now": now, "held": HELD})
    }
    for kind, begun in (("answer", False), ("begun", True)):
        count, oldest = rows.get(begun, (0, None))
        WAITING.labels(kind).set(count)
        OLDEST.labels(kind).set(_age(oldest, now))


async def _people(tx: AsyncSession, now: datetime) -> None:
    flags = {level: (count, oldest) for level, count, oldest in await tx.execute(_FLAGS)}
    for level in LEVELS:
        count, oldest = flags.get(level, (0, None))
        OPEN.labels(level).set(count)
        UNTAKEN.labels(level).set(_age(oldest, now))
    CLOSING.set(await tx.scalar(_CLOSING, {"now": now, "window": WINDOW.total_seconds(), "soon": SOON}) or 0)


async def _replication(tx: AsyncSession) -> None:
    LAG.clear()
    SLOT.clear()
    standbys = list(await tx.execute(_STANDBYS))
    STANDBYS.set(len(standbys))
    for name, behind in standbys:
        LAG.labels(name).set(behind)
    for name, kept in await tx.execute(_SLOTS):
        SLOT.labels(name).set(kept)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
