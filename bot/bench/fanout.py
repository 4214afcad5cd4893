"""Everybody's follow-up is due at one moment: how fast that work is handed to the outbox, and what live chats feel of it."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select

from bot.bench.crowd import plant_crowd
from bot.bench.load import conversations
from bot.bench.processes import BenchError, run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.bench.road import settled
from bot.bench.service import Service, at_a_steady_pace, service
from plans.template import load_templates
from records.care_plan import Task
from records.message import Outbound
from records.staff import Team

SIZES = (1_000, 10_000, 100_000)
LIVE, PER_SECOND = 20, 2.0
# Goals of the issue: 100,000 in 10 minutes, live chats p95 below 1 s, two workers 1.7 times one.
WITHIN_S, LIVE_P95_MS, TWO_WORKERS, CALLS_A_MINUTE = 600.0, 1000.0, 1.7, 10_000
# Cost per task at the largest size against the smallest: flat, with room for the noise of a short run.
FLAT = 1.5


@dataclass
class Round:
    """One size with one number of workers: seconds until the last was handed over, live replies, memory, what WeCom saw.

    `workers_cpu` and `database_cpu` are processor seconds used meanwhile, for whatever ran (live chats and sending, too): they tell more
    than the clock where other programs share the machine.
    """

    size: int
    seconds: float
    workers_cpu: float
    database_cpu: float
    replies: list[float]
    unanswered: int
    worker_mb: float
    busiest_minute: int
    refused: int
    sent: int


def run(*, sizes: tuple[int, ...] = SIZES, workers: int = 2, twice: int = 10_000, patience: float = 1800.0) -> Result:
    """Each size with one worker, and `twice` with `workers` as well. Raises BenchError."""
    return run_to_the_end(_run(sizes, workers, twice, patience))


async def _run(sizes: tuple[int, ...], workers: int, twice: int, patience: float) -> Result:
    rounds = [await _round(size, 1, patience) for size in sizes]
    figures: dict[str, float] = {}
    for one in rounds:
        figures |= _figures(one, f"n{one.size}")
    smallest, largest = rounds[0], rounds[-1]
    cost = {one.size: one.seconds / one.size for one in rounds}
    meets = {
        "live_p95_below_1s": all(figures[f"n{one.size}_live_p95_ms"] < LIVE_P95_MS and not one.unanswered for one in rounds if one.replies),
        "limit_respected": all(one.busiest_minute <= CALLS_A_MINUTE and not one.refused for one in rounds),
    }
    if largest.size >= 100_000:
        meets["100000_within_10_minutes"] = largest.seconds < WITHIN_S
    if len(rounds) > 1:
        figures["cost_ratio_largest_to_smallest"] = round(cost[largest.size] / cost[smallest.size], 2)
        processor = {one.size: (one.workers_cpu + one.database_cpu) / one.size for one in rounds}
        figures["cpu_ratio_largest_to_smallest"] = round(processor[largest.size] / processor[smallest.size], 2)
        figures["memory_ratio_largest_to_smallest"] = round(largest.worker_mb / smallest.worker_mb, 2)
        meets["cost_flat"] = figures["cost_ratio_largest_to_smallest"] <= FLAT
    if workers > 1:
        one = next((each for each in rounds if each.size == twice), None) or await _round(twice, 1, patience)
        two = await _round(twice, workers, patience)
        figures |= _figures(two, f"workers{workers}_n{twice}")
        figures[f"workers_{workers}_ratio"] = round(one.seconds / two.seconds, 2)
        meets[f"two_workers_{TWO_WORKERS}"] = figures[f"workers_{workers}_ratio"] >= TWO_WORKERS
    return result("fanout", figures, meets)


def _figures(one: Round, name: str) -> dict[str, float]:
    return {
        f"{name}_seconds": round(one.seconds, 1),
        f"{name}_tasks_per_second": round(one.size / one.seconds, 1),
        f"{name}_workers_cpu_ms_per_task": round(1000 * one.workers_cpu / one.size, 2),
        f"{name}_database_cpu_ms_per_task": round(1000 * one.database_cpu / one.size, 2),
        f"{name}_worker_mb": one.worker_mb,
        f"{name}_sent_meanwhile": one.sent,
        f"{name}_busiest_minute": one.busiest_minute,
        f"{name}_refused_calls": one.refused,
        **percentiles(one.replies, f"{name}_live", 0.5, 0.95),
        f"{name}_live_unanswered": one.unanswered,
    }


async def _round(size: int, workers: int, patience: float) -> Round:
    zone = daytime(datetime.now(UTC))
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(service(accounts=1, families=LIVE, workers=workers, zone=zone.key))
        due_at = await _plant(running, size, zone)
        watching = asyncio.create_task(running.watch())
        live = asyncio.create_task(_talk(running, stop := asyncio.Event()))
        await asyncio.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds()))
        before = running.cpu()
        seconds = await _handed_over(running, size, patience)
        took = running.cpu_since(before)
        stop.set()
        replies, unanswered = await live
        watching.cancel()
        seen = await running.control("GET", "ledger/summary")
        async with running.db.transaction() as tx:
            sent = await tx.scalar(select(func.count()).where(Outbound.purpose == "task", Outbound.state == "sent"))
    workers_cpu = sum(took[worker.name] for worker in running.workers)
    memory = max(mb for name, mb in running.rss.items() if name.startswith("worker"))
    return Round(
        size, seconds, workers_cpu, took["database"], replies, unanswered, memory, seen["busiest_minute"], seen["refused"], int(sent or 0)
    )


def daytime(now: datetime) -> ZoneInfo:
    """A zone of whole hours in which it is between 9 and 12 o'clock now, so that the night's quiet holds nothing back."""
    ahead = (10 - now.hour) % 24
    # POSIX counts westwards: Etc/GMT-8 is eight hours ahead. There are 14 to the east and 12 to the west.
    return ZoneInfo(f"Etc/GMT-{ahead}" if ahead <= 14 else f"Etc/GMT+{24 - ahead}")


async def _plant(running: Service, size: int, zone: ZoneInfo) -> datetime:
    """The crowd in WeCom and in the database; when it is due: soon, when all stands."""
    template = load_templates()["neonatal"]
    await running.control("POST", "crowd", open_kfid=running.accounts[0], prefix="wmCrowd", count=size)
    async with running.db.transaction() as tx:
        team = (await tx.scalars(select(Team.id).order_by(Team.id).limit(1))).one()
        now = datetime.now(UTC)
        due_at = now + timedelta(seconds=5 + size / 5000)
        await plant_crowd(tx, size, template, account=running.accounts[0], team=team, prefix="wmCrowd", due_at=due_at, now=now, zone=zone)
    return due_at


async def _handed_over(running: Service, size: int, patience: float) -> float:
    """Seconds until no follow-up of the crowd waits for its turn any more. Raises BenchError when that takes too long."""
    begin, done = time.perf_counter(), 0
    with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
        bar = progress.add_task(f"{size} follow-ups", total=size)
        while done < size:
            # Counting a large crowd costs the database as much as several families' turns.
            await asyncio.sleep(0.5 if size - done < 5_000 else 3.0)
            async with running.db.transaction() as tx:
                waiting = await tx.scalar(select(func.count()).where(Task.state == "scheduled"))
            done = size - int(waiting or 0)
            progress.update(bar, completed=done)
            if time.perf_counter() - begin > patience:
                raise BenchError(f"After {patience:.0f} s {size - done} of {size} follow-ups are still waiting.")
    return time.perf_counter() - begin


async def _talk(running: Service, stop: asyncio.Event) -> tuple[list[float], int]:
    """Live chats beside it, at a steady pace until `stop`; seconds to each reply, and how many got none."""
    said = [each.text for talk in conversations(LIVE, 400) for each in talk]
    ids: set[str] = set()

    async def say(number: int) -> None:
        ids.add(await running.say(running.families[number % LIVE], said[number % len(said)]))

    number = 0
    while not stop.is_set():
        await at_a_steady_pace(LIVE, PER_SECOND, lambda turn, first=number: say(first + turn))  # type: ignore[misc]
        number += LIVE
    found = await settled(running, ids)
    return found.seconds, found.unanswered
