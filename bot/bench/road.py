"""The whole road of a message, between processes: from the family's message in WeChat to the reply that WeCom has accepted."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bot.bench.load import conversations
from bot.bench.processes import run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.bench.service import Service, at_a_steady_pace, service
from integrations.wecom.outbound import message_id

PER_SECOND, PATIENTS = 10.0, 50
P95_MS, WORKER_MB, GATEWAY_MB = 500.0, 900.0, 120.0
# After the last message; whatever has no answer then has none.
PATIENCE = 15.0


@dataclass
class Answered:
    """Seconds from each message to its reply, both as the simulator stamped them, and how many have none."""

    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0


def run(*, seconds: float = 60.0, patients: int = PATIENTS) -> Result:
    """10 messages a second for `seconds` from `patients` families, through simulator, gateway and worker. Raises BenchError."""
    return run_to_the_end(_run(seconds, patients))


async def _run(seconds: float, patients: int) -> Result:
    count = round(seconds * PER_SECOND)
    said = [each for talk in conversations(patients, -(-count // patients)) for each in talk]
    async with service(accounts=1, families=patients) as running:
        watching = asyncio.create_task(running.watch())
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
            bar = progress.add_task("messages", total=count)
            ids: list[str] = []

            async def say(number: int) -> None:
                ids.append(await running.say(running.families[number % patients], said[number].text))
                progress.advance(bar)

            # One message of each warms the roads up and is not counted.
            await at_a_steady_pace(min(patients, 10), PER_SECOND, say)
            await settled(running, set(ids))
            ids.clear()
            progress.reset(bar)
            lags = await at_a_steady_pace(count, PER_SECOND, say)
        found = await settled(running, set(ids))
        watching.cancel()
    figures = {
        "messages": len(ids),
        "unanswered": found.unanswered,
        **percentiles(found.seconds, "reply", 0.5, 0.95, 0.99),
        "reply_max_ms": round(1000 * max(found.seconds, default=0.0), 1),
        **percentiles(lags, "sender_lag", 0.99),
        "worker_ready_s": round(running.worker_ready_s, 1),
        "worker_rss_mb": running.rss.get("worker", 0.0),
        "gateway_rss_mb": running.rss.get("gateway", 0.0),
    }
    meets = {
        "p95_below_500ms": not found.unanswered and figures["reply_p95_ms"] < P95_MS,
        "worker_below_900mb": 0 < figures["worker_rss_mb"] < WORKER_MB,
        "gateway_below_120mb": 0 < figures["gateway_rss_mb"] < GATEWAY_MB,
    }
    return result("road", figures, meets)


async def settled(running: Service, ids: set[str]) -> Answered:
    """The answers to the messages `ids`, waited for as long as one is missing and PATIENCE lasts."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        chats = [await running.control("GET", f"chats/{running.accounts[0]}/{family}") for family in running.families]
        found = Answered()
        for chat in chats:
            pair(chat["messages"], ids, found)
        if not found.unanswered or loop.time() > deadline:
            return found
        await asyncio.sleep(0.5)


def pair(messages: list[dict[str, Any]], ids: set[str], found: Answered) -> None:
    """Find the reply to each customer message in `ids`: its own, or that of the burst it was answered with, which comes next.

    `messages` is one chat in order, as the simulator's control API shows it.
    """
    bot = {each["msgid"]: _at(each) for each in messages if each["from"] == "bot"}
    own = {each["msgid"]: message_id(f"reply:{each['msgid']}") for each in messages if each["from"] == "customer"}
    next_reply: float | None = None
    for each in reversed(messages):
        if each["msgid"] not in own:
            continue
        next_reply = bot.get(own[each["msgid"]], next_reply)
        if each["msgid"] in ids:
            if next_reply is None:
                found.unanswered += 1
            else:
                found.seconds.append(next_reply - _at(each))


def _at(message: dict[str, Any]) -> float:
    return datetime.fromisoformat(message["at"]).timestamp()
