"""Whole dialogue turns a second, here and in stock Rasa, in one run on one machine, with the same messages; and intent accuracy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import psutil
from rich.console import Console
from rich.progress import Progress

from bot.bench import accuracy, stock
from bot.bench.load import Round, Said, Say, conversations, drive
from bot.bench.ours import Ours
from bot.bench.people import plant_chats, plant_team
from bot.bench.processes import ROOT, run_to_the_end
from bot.bench.report import Result, result
from bot.private import keys_of, throw_away_database
from records.database import Database

GOAL, PART_GOAL = 8.0, 15.0
FAMILIES = 16


class Hold(Protocol):
    """Holds conversations, so many at once."""

    def __call__(self, talk: list[list[Said]], senders: list[int], *, at_once: int) -> Awaitable[Round]:
        """The round, when all are over."""
        ...


@dataclass(frozen=True)
class Size:
    """How much is measured: conversations a round at 16 at once, and at one at a time, their turns, and rounds."""

    many: int = 32
    few: int = 4
    turns: int = 9
    rounds: int = 3


@dataclass
class Side:
    """One contestant: how it holds conversations, the processor time (s) it has used, and its rounds at 16 at once and at one."""

    hold: Hold
    cpu: Callable[[], float]
    many: list[Round] = field(default_factory=list)
    few: list[Round] = field(default_factory=list)

    def figures(self, name: str) -> dict[str, float]:
        """Rates and latencies: medians over the rounds."""
        return {
            f"{name}_turns_per_s_at_16": round(median(each.rate for each in self.many), 1),
            f"{name}_turns_per_s_at_1": round(median(each.rate for each in self.few), 1),
            f"{name}_cpu_ms_per_turn": round(median(1000 * each.cpu / each.turns for each in self.many), 2),
            **_medians([each.figures(f"{name}_at_16") for each in self.many]),
            **_medians([each.figures(f"{name}_at_1") for each in self.few]),
        }


def run(*, stock: bool = True, size: Size | None = None) -> Result:
    """Measure turns; with `stock`, Rasa as it comes as well, which is trained on the first run (5 to 15 minutes). Raises BenchError.

    Every round is ours, stock, ours, with chats of their own, so that what else the machine does falls on both alike. Rasa's part of a
    turn is measured apart: understanding, policies, actions and the conversation saved, without web channel, outbox and delivery;
    stock keeps its conversations in memory and calls its action server, ours are committed.
    """
    return run_to_the_end(_run(stock, size or Size()))


async def _run(with_stock: bool, size: Size) -> Result:
    from bot.dialogue.train import train

    model = await asyncio.to_thread(train, ROOT, ROOT / "models")
    stock_model = await stock.train() if with_stock else None
    async with throw_away_database(pool_size=FAMILIES) as db:
        async with db.transaction() as tx:
            await plant_team(tx, ["wkBench"])
        ours = await Ours.load(model, db)
        async with _stock(stock_model, db) as other:
            return await _compare(ours, other, size)


@asynccontextmanager
async def _stock(model: Path | None, db: Database) -> AsyncIterator[stock.Stock | None]:
    if model is None:
        yield None
        return
    async with stock.serving(model, db.url, keys_of(db)) as running:
        yield running


async def _compare(ours: Ours, other: stock.Stock | None, size: Size) -> Result:
    many, few = conversations(size.many, size.turns), conversations(size.few, size.turns, seed=2)
    whole, part = Side(_spoken_to(ours.turn), ours.cpu_seconds), Side(_spoken_to(ours.part), ours.cpu_seconds)
    stock_sides = []
    if other is not None:
        stock_sides = [
            Side(_spoken_to(_answered(other)), lambda: other.cpu_seconds() + ours.database_cpu_seconds()),
            Side(other.hold, lambda: other.agent_cpu_seconds() + ours.database_cpu_seconds()),
        ]
    order = [whole, part, *stock_sides, whole, part]
    chats: list[int] = []
    with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
        bar = progress.add_task("taking turns", total=(size.rounds + 1) * len(order))
        for number in range(size.rounds + 1):
            for side in order:
                rounds = await _both(ours, side, many, few)
                # The first round warms up: graphs, dictionaries, plans and pools are made in it.
                if number:
                    side.many.append(rounds[0][0])
                    side.few.append(rounds[1][0])
                if side is whole:
                    chats += [chat for _, used in rounds for chat in used]
                progress.advance(bar)
        figures, meets = await _accuracy(ours, other, progress.track)
    written = await ours.written(chats)
    speed = {**whole.figures("ours"), **part.figures("ours_part")}
    memory = {"ours_load_s": round(ours.load_seconds, 1), "ours_rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1)}
    kept = {f"ours_written_{name}": count for name, count in sorted(written.items())}
    if other is None:
        return result("turns", {**speed, **memory, **figures, **kept}, meets)
    speed |= stock_sides[0].figures("stock") | stock_sides[1].figures("stock_part")
    memory |= {
        "stock_load_s": round(other.load_seconds, 1),
        "stock_rss_mb": other.server.rss_mb(),
        "stock_actions_rss_mb": other.actions.rss_mb(),
    }
    ratios = {
        "turns_ratio_at_16": _ratio(speed, "ours_turns_per_s_at_16"),
        "turns_ratio_at_1": _ratio(speed, "ours_turns_per_s_at_1"),
        "part_ratio_at_16": _ratio(speed, "ours_part_turns_per_s_at_16"),
        "part_ratio_at_1": _ratio(speed, "ours_part_turns_per_s_at_1"),
        "cpu_ratio": round(speed["stock_cpu_ms_per_turn"] / speed["ours_cpu_ms_per_turn"], 2),
        "part_cpu_ratio": round(speed["stock_part_cpu_ms_per_turn"] / speed["ours_part_cpu_ms_per_turn"], 2),
        "memory_ratio": round((memory["stock_rss_mb"] + memory["stock_actions_rss_mb"]) / memory["ours_rss_mb"], 2),
    }
    # The part is compared by processor time, which is the same whoever else is at work on the machine.
    meets = {
        "turns_ratio_at_least_8": ratios["turns_ratio_at_16"] >= GOAL,
        "part_ratio_at_least_15": ratios["part_cpu_ratio"] >= PART_GOAL,
        **meets,
    }
    return result("turns", {**ratios, **speed, **memory, **figures, **kept}, meets)


async def _both(ours: Ours, side: Side, many: list[list[Said]], few: list[list[Said]]) -> list[tuple[Round, list[int]]]:
    """A round at 16 at once and one at a time, each over fresh chats; with the chats."""
    rounds = []
    for talk, at_once in ((many, FAMILIES), (few, 1)):
        async with ours.db.transaction() as tx:
            chats = await plant_chats(tx, len(talk), prefix=f"wm{next(ours.serial)}x", now=ours.clock(), zone=ours.zone)
        before = side.cpu()
        done = await side.hold(talk, chats, at_once=at_once)
        done.cpu = side.cpu() - before
        rounds.append((done, chats))
    return rounds


async def _accuracy(ours: Ours, other: stock.Stock | None, track: Callable[..., Any]) -> tuple[dict[str, float], dict[str, bool]]:
    examples = accuracy.frozen()
    found = accuracy.figures(await accuracy.judge(ours.ranking, track(examples, description="intents, ours")), "ours")
    if other is None:
        return found, {}
    theirs = accuracy.figures(await accuracy.judge(other.ranking, track(examples, description="intents, stock")), "stock")
    # Both: the best guess for what is in scope, and what is done in the end with everything.
    not_lower = all(found[f"ours_{name}"] >= theirs[f"stock_{name}"] for name in ("intent_top1", "handled_rightly"))
    return found | theirs, {"intent_accuracy_not_lower": not_lower}


def _spoken_to(say: Say) -> Hold:
    return partial(drive, say=say)


def _answered(other: stock.Stock) -> Say:
    """Stock's turn; one without an answer would not be a turn."""

    async def say(sender: int, text: str) -> None:
        if not await other.say(sender, text):
            raise RuntimeError(f"stock Rasa did not answer in chat {sender}")

    return say


def _ratio(speed: dict[str, float], name: str) -> float:
    return round(speed[name] / speed[name.replace("ours", "stock")], 2)


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: round(median(each[name] for each in rounds if name in each), 1) for name in names}
