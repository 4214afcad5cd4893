"""What families say, and how fast they get through: conversations driven at a given concurrency, one message after the other in each."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from bot.bench.report import percentiles


@dataclass(frozen=True)
class Said:
    """A message and its kind (see messages.yml)."""

    kind: str
    text: str


@cache
def messages() -> dict[str, tuple[str, ...]]:
    """The texts of messages.yml by kind."""
    loaded = yaml.safe_load(Path(__file__).with_name("messages.yml").read_text("utf-8"))
    return {kind: tuple(texts) for kind, texts in loaded.items()}


def conversations(count: int, turns: int, *, seed: int = 1) -> list[list[Said]]:
    """`count` conversations of `turns` messages; the kinds take turns, so that each is a third."""
    rng, kinds = random.Random(seed), list(messages())  # noqa: S311 - a mix, not a secret
    return [[_said(rng, kinds[(first + turn) % len(kinds)]) for turn in range(turns)] for first in range(count)]


def _said(rng: random.Random, kind: str) -> Said:
    return Said(kind, rng.choice(messages()[kind]))


@dataclass
class Round:
    """Seconds of each message by kind, and of the whole; `cpu` is the processor time that everything which answered took."""

    seconds: float = 0.0
    cpu: float = 0.0
    by_kind: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def turns(self) -> int:
        """How many messages were answered."""
        return sum(len(each) for each in self.by_kind.values())

    @property
    def rate(self) -> float:
        """Turns a second."""
        return self.turns / self.seconds

    def figures(self, name: str) -> dict[str, float]:
        """p50 and p95 of each kind and of all, in milliseconds."""
        everything = [one for each in self.by_kind.values() for one in each]
        parts = [percentiles(each, f"{name}_{kind}", 0.5, 0.95) for kind, each in self.by_kind.items()]
        return percentiles(everything, name, 0.5, 0.95) | {key: value for part in parts for key, value in part.items()}


# Says a text in the conversation with the given sender; returns when it is answered.
Say = Callable[[int, str], Awaitable[None]]


async def drive(talk: Sequence[Sequence[Said]], senders: Sequence[int], say: Say, *, at_once: int) -> Round:
    """Hold every conversation, `at_once` at a time, each with a sender of its own; the next message follows the answer at once."""
    waiting = iter(zip(senders, talk, strict=True))
    done = Round()

    async def family() -> None:
        for sender, said in waiting:
            for one in said:
                begin = time.perf_counter()
                await say(sender, one.text)
                done.by_kind[one.kind].append(time.perf_counter() - begin)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as families:
        for _ in range(at_once):
            families.create_task(family())
    done.seconds = time.perf_counter() - begin
    return done
