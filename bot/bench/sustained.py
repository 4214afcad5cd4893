"""The whole system under steady load: half an hour of families who write, callbacks meanwhile, and what it costs when all are silent."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress

from bot.bench.callback import Sealed, knock, news_tokens, seal
from bot.bench.load import conversations
from bot.bench.processes import BenchError, run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.bench.road import settled
from bot.bench.service import Service, at_a_steady_pace, service

# What issue and docs/performance.md ask for: turns a second, and the limits under them.
PER_SECOND, MINUTES = 40.0, 30.0
REPLY_P95_MS, CALLBACK_P99_MS, IDLE_SHARE, GROWTH = 800.0, 50.0, 0.02, 0.05
# Families enough that nobody writes before the answer has come: one message each 15 s at the usual pace.
FAMILIES = 600
# Signed callbacks a second, posted by ourselves, for their answers are what is timed; in batches younger than a news token's ten minutes.
CALLBACKS_PER_SECOND, BATCH_SECONDS = 5.0, 60.0
# Nothing happens for so long before what idleness costs is looked at, and it is looked at for so long.
CALM_SECONDS, IDLE_SECONDS = 20.0, 60.0


def run(*, minutes: float = MINUTES, per_second: float = PER_SECOND, workers: int = 1) -> Result:
    """`per_second` messages a second for `minutes` through simulator, gateway and `workers`, then silence. Raises BenchError."""
    return run_to_the_end(_run(minutes, per_second, workers))


async def _run(minutes: float, per_second: float, workers: int) -> Result:
    count = round(60 * minutes * per_second)
    said = [each for talk in conversations(FAMILIES, -(-count // FAMILIES)) for each in talk]
    ids, acknowledged = list[str](), list[float]()
    async with service(accounts=1, families=FAMILIES, workers=workers) as running:
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
            bar = progress.add_task("messages", total=count)

            async def say(number: int) -> None:
                ids.append(await running.say(running.families[number % FAMILIES], said[number % len(said)].text))
                progress.advance(bar)

            # One message of some families warms the roads up and is not counted.
            await at_a_steady_pace(20, 10.0, say)
            await settled(running, set(ids))
            ids.clear()
            progress.reset(bar)
            watching = asyncio.create_task(running.watch())
            knocking = asyncio.create_task(_knock(running, acknowledged))
            before, begin = running.cpu(), time.perf_counter()
            lags = await at_a_steady_pace(count, per_second, say)
            took = time.perf_counter() - begin
            cpu = running.cpu_since(before)
            for beside in (knocking, watching):
                if beside.done():
                    beside.result()
                beside.cancel()
        found = await settled(running, set(ids))
        await asyncio.sleep(CALM_SECONDS)
        before = running.cpu()
        await asyncio.sleep(IDLE_SECONDS)
        idle = {name: seconds / IDLE_SECONDS for name, seconds in running.cpu_since(before).items()}
    grown = {name: growth(samples) for name, samples in running.samples.items()}
    figures = {
        "minutes": round(took / 60, 1),
        "turns": len(found.seconds),
        "turns_per_s": round(len(found.seconds) / took, 1),
        "unanswered": found.unanswered,
        **percentiles(found.seconds, "reply", 0.5, 0.95, 0.99),
        "reply_max_ms": round(1000 * max(found.seconds, default=0.0), 1),
        **percentiles(acknowledged, "callback", 0.5, 0.99),
        **percentiles(lags, "sender_lag", 0.99),
        **{f"{name}_cpu_ms_per_turn": round(1000 * seconds / max(1, len(found.seconds)), 1) for name, seconds in cpu.items()},
        **{f"{name}_idle_share_of_a_core": round(share, 4) for name, share in idle.items()},
        **{f"{name}_rss_mb": most for name, most in running.rss.items()},
        **{f"{name}_rss_growth_ratio": share for name, share in grown.items()},
    }
    meets = {
        f"{per_second:g}_turns_a_second_p95_below_800ms": not found.unanswered and figures["reply_p95_ms"] < REPLY_P95_MS,
        "callback_p99_below_50ms": figures["callback_p99_ms"] < CALLBACK_P99_MS,
        "memory_flat": all(share < GROWTH for share in grown.values()),
        "idle_below_2_percent_of_a_core": sum(idle.values()) < IDLE_SHARE,
    }
    return result("sustained", figures, meets)


def growth(samples: Sequence[float]) -> float:
    """How much more there was in the last fifth of `samples` than in the second, as a share: the first fifth warms up."""
    fifth = max(1, len(samples) // 5)
    return round(statistics.median(samples[-fifth:]) / statistics.median(samples[fifth : 2 * fifth]) - 1, 3)


async def _knock(running: Service, acknowledged: list[float]) -> None:
    """Post signed callbacks like WeCom's until cancelled, and note how long each took to be acknowledged.

    Raises BenchError when one is refused, aiohttp.ClientError.
    """
    while True:
        batch = seal(running.access, await news_tokens(running), round(CALLBACKS_PER_SECOND * BATCH_SECONDS), datetime.now(UTC))

        async def post(number: int, batch: Sequence[Sealed] = batch) -> None:
            seconds, status = await knock(running, batch[number])
            if status != 200:
                raise BenchError(f"A callback was answered with {status}.")
            acknowledged.append(seconds)

        await at_a_steady_pace(len(batch), CALLBACKS_PER_SECOND, post)
