"""The job engine behind a small port: Procrastinate executes, our tables own the schedule and the truth.

A job carries a key, never the only copy of anything. A lost, late or doubled job is harmless: the sweep makes it anew, guarded
state changes drop what is double.

Each kind of job has a queue of its own name, and a worker takes from the queues that it knows: while a hospital is upgraded, a job of a new
kind waits for a worker of the new version.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger(__name__)

Handler = Callable[[str], Awaitable[None]]

# The engine's own deferral function, so that a job exists exactly if the caller's transaction commits.
_DEFER = text(
    """
    select procrastinate_defer_jobs_v1(array(
        select row(name, name, :priority, nullif(lock, ''), null, jsonb_build_object('key', key), null)::procrastinate_job_to_defer_v1
        from unnest(cast(:names as text[]), cast(:keys as text[]), cast(:locks as text[])) as job(name, key, lock)
        where not (cast(:once as boolean) and exists (
            select from procrastinate_jobs where status = 'todo' and task_name = name and args->>'key' = key))))
    """
).bindparams(bindparam("names", type_=ARRAY(Text)), bindparam("keys", type_=ARRAY(Text)), bindparam("locks", type_=ARRAY(Text)))

# 10 s without a heartbeat every 2 s: the worker is dead, and its jobs are taken over. One that was only out of breath finds them done.
HEARTBEAT, STALLED_AFTER = 2.0, 10.0
# A worker looks for jobs by itself so often (s): nobody tells it of those that were taken from a dead worker, nor of one whose lock became
# free with another worker that takes no more.
LOOK_EVERY = 2.0
# DANGER: an alert on its way, and what may become one.
DANGER, URGENT, NORMAL, BULK = 20, 10, 0, -10
# The one queue of versions that knew no other.
BEFORE = "default"
# A worker that is asked to end finishes what it has begun within so many seconds: under the 60 s that the examples in deploy/ give it.
DRAIN = 45.0


@dataclass(frozen=True)
class Job:
    """`name` of a handler, `key` of what to work on; jobs with the same `lock` run one at a time, in order."""

    name: str
    key: str
    lock: str = ""


async def defer(tx: AsyncSession, jobs: Iterable[Job], *, priority: int = NORMAL, once: bool = False) -> None:
    """Hand jobs that are due now to the engine, as part of the caller's transaction; if `once`, those that wait already are enough."""
    rows = list(jobs)
    if rows:
        await tx.execute(
            _DEFER,
            {
                "priority": priority,
                "once": once,
                "names": [job.name for job in rows],
                "keys": [job.key for job in rows],
                "locks": [job.lock for job in rows],
            },
        )


_LIFT = text("update procrastinate_jobs set priority = :priority where status = 'todo' and task_name = :name and priority < :priority")


async def lift(tx: AsyncSession, name: str, priority: int) -> None:
    """Let the jobs of this kind that wait by now go before others."""
    await tx.execute(_LIFT, {"name": name, "priority": priority})


_KNOWN = text(
    """
    select task_name, args->>'key' from procrastinate_jobs
    where status in ('todo', 'doing') and task_name = any(cast(:names as text[])) and args->>'key' = any(cast(:keys as text[]))
    """
)


async def without_job(tx: AsyncSession, jobs: Iterable[Job]) -> list[Job]:
    """Those of `jobs` that the engine does not hold at the moment."""
    rows = list(jobs)
    if not rows:
        return []
    found = await tx.execute(_KNOWN, {"names": [job.name for job in rows], "keys": [job.key for job in rows]})
    known = {(name, key) for name, key in found}
    return [job for job in rows if (job.name, job.key) not in known]


async def workers_alive(tx: AsyncSession) -> int:
    """How many workers have shown a sign of life lately."""
    alive = text("select count(*) from procrastinate_workers where last_heartbeat > now() - make_interval(secs => :age)")
    return int(await tx.scalar(alive, {"age": STALLED_AFTER}) or 0)


async def _each_by_itself(connection: Any) -> None:
    """All that the engine does is one statement: without a transaction around it that is half of the calls to the database."""
    await connection.set_autocommit(True)


class Engine:
    """Runs handlers for deferred jobs until cancelled. At least once: handlers guard their effects."""

    def __init__(self, url: str, handlers: Mapping[str, Handler], *, concurrency: int, patience: float = 5) -> None:
        """`patience` (s) is how long jobs that have begun may go on when it is cancelled."""
        self._url, self._handlers, self._concurrency, self._patience = url, handlers, concurrency, patience

    async def run(self) -> None:
        """Work until cancelled: then nothing new is taken, and what has begun is finished, for as long as patience lasts.

        Raises what the database connection raises when the server goes away.
        """
        import procrastinate

        from bot.wakeful_worker import WakefulWorker

        connector = procrastinate.PsycopgConnector(conninfo=self._url, min_size=2, max_size=6, configure=_each_by_itself)
        app = procrastinate.App(connector=connector)
        for name, handler in self._handlers.items():
            app.task(name=name)(self._guard(name, handler))
        try:
            await app.open_async()
            rescue = asyncio.create_task(self._rescue(app))
            try:
                worker = WakefulWorker(
                    app,
                    queues=[*self._handlers, BEFORE],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=LOOK_EVERY,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=STALLED_AFTER,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    shutdown_graceful_timeout=self._patience,
                )
                await worker.run()  # type: ignore[no-untyped-call]
            finally:
                rescue.cancel()
                await asyncio.gather(rescue, return_exceptions=True)
        finally:
            # Also when it was cancelled while the first connections were made: `async with` would leave those behind.
            await app.close_async()

    @staticmethod
    def _guard(name: str, handler: Handler) -> Handler:
        async def run(key: str) -> None:
            try:
                await handler(key)
            except Exception as err:
                # The sweep will offer the work again; the trace shows code, never a patient's words.
                log.error("job failed", job=name, key=key, error=type(err).__name__, code=getattr(err, "code", None))
                raise

        return run

    async def _rescue(self, app: Any) -> None:
        """Give the jobs of dead workers to the living; a plain loop, because a rescue job could stall itself.

        It outlives a database that is away for a moment, as the worker beside it may: without it a chat's lock would be held for ever.
        """
        manager = app.job_manager
        while True:
            try:
                await manager.prune_stalled_workers(STALLED_AFTER)
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
                    await manager.retry_job(job)
            except Exception as err:
                log.error("rescue failed", error=type(err).__name__)
            await asyncio.sleep(HEARTBEAT)
