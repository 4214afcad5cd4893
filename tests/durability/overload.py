"""More than can be done: families write faster than they are answered while a round is due; who comes first, and what memory says.

    python -m tests.durability.overload --rate 60 --seconds 60

Two workers with a dialogue that costs nothing (year_worker.py), the product's own otherwise.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.bench.crowd import plant_crowd
from bot.bench.people import plant_families, plant_team
from plans.template import load_templates
from records.chat import Chat
from records.flag import Flag, FlagNotice
from records.message import Inbound, Outbound
from records.state import StateChange
from tests.durability.families import ACCOUNTS, ORDINARY
from tests.durability.hospital import ZONE, Hospital, open_hospital, settings, simulator_at
from tests.durability.processes import Forked, Program

LIVE, BULK, DANGERS = "wmLive", "wmBulk", ("刚才抽搐了两分钟", "叫不醒了，嘴唇发紫")
FAMILIES, ROUND, IN_DANGER = 100, 600, 20


@dataclass
class Run:
    """What was said when, and how large the workers were; seconds of the machine's clock."""

    said: dict[str, tuple[str, float]] = field(default_factory=dict)
    dangers: dict[str, float] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)
    bulk: list[tuple[float, int]] = field(default_factory=list)


async def overload(folder: Path, *, rate: float, seconds: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Figures, and what is wrong."""

    def roles(data: Path, simulator: int, gateway: int) -> dict[str, Program]:
        environment = settings(data, simulator) | {"CARELOOP_PORT": str(gateway), "CARELOOP_LOG_LEVEL": "error"}
        programs = [
            Program("simulator", simulator_at(simulator, gateway), environment, data),
            Program("gateway", ["bot", "gateway"], environment, data),
            Forked("worker-1", environment, data, hurry=False),
            Forked("worker-2", environment, data, hurry=False),
        ]
        return {program.name: program for program in programs}

    async with open_hospital(folder, roles=roles, plant=_plant) as hospital:
        hospital.patience = 1800
        await hospital.all_at_work()
        run, rng = Run(), Random(seed)
        for number in range(FAMILIES):
            user = f"{LIVE}{number:04d}"
            await hospital.control("POST", "customers", nickname=user, external_userid=user)
        await asyncio.gather(*(_say(hospital, run, f"{LIVE}{number:04d}", "你好") for number in range(FAMILIES)))
        await hospital.settle(FAMILIES)
        run.said.clear()
        watching = asyncio.create_task(_watch(hospital, run))
        await asyncio.sleep(5)
        await hospital.control("POST", "crowd", open_kfid=ACCOUNTS[0], prefix=BULK, count=ROUND)
        await hospital.ask(lambda tx: _all_due(tx, hospital.clock()))
        begin = time.monotonic()
        await _flood(hospital, run, rng, rate, seconds)
        flooded, at_end = time.monotonic() - begin, await hospital.ask(_handled)
        opened = await hospital.ask(_opened)
        await hospital.settle(FAMILIES + len(run.said))
        recovered = time.monotonic() - begin - flooded
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return await _figures(hospital, run, flooded, at_end - FAMILIES, opened, recovered)


async def _plant(tx: AsyncSession, now: datetime) -> None:
    await plant_team(tx, [ACCOUNTS[0]])
    await plant_families(tx, FAMILIES, prefix=LIVE, now=now, zone=ZONE)


async def _all_due(tx: AsyncSession, now: datetime) -> None:
    template, team = load_templates()["neonatal"], 1
    await plant_crowd(tx, ROUND, template, account=ACCOUNTS[0], team=team, prefix=BULK, due_at=now, now=now, zone=ZONE)


async def _say(hospital: Hospital, run: Run, user: str, words: str) -> None:
    answer = await hospital.control("POST", f"chats/{ACCOUNTS[0]}/{user}/say", msgtype="text", text={"content": words})
    run.said[answer["msgid"]] = user, time.time()
    if words in DANGERS:
        run.dangers[user] = time.time()


async def _flood(hospital: Hospital, run: Run, rng: Random, rate: float, seconds: float) -> None:
    """At this rate, whatever becomes of it."""
    begin, sent = time.monotonic(), set[asyncio.Task[None]]()
    afraid = rng.sample(range(FAMILIES), IN_DANGER)
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        danger = afraid and number % max(1, int(rate * seconds / IN_DANGER)) == 0
        user = f"{LIVE}{afraid.pop() if danger else rng.randrange(FAMILIES):04d}"
        task = asyncio.create_task(_say(hospital, run, user, rng.choice(DANGERS if danger else ORDINARY)))
        sent.add(task)
        task.add_done_callback(sent.discard)
    await asyncio.gather(*sent)


async def _watch(hospital: Hospital, run: Run) -> None:
    while True:
        sizes = [psutil.Process(worker.pid).memory_info().rss for worker in hospital.workers]
        run.memory_mb.append(max(sizes) / 2**20)
        await asyncio.sleep(1)


async def _handled(tx: AsyncSession) -> int:
    return await tx.scalar(select(func.count()).where(Inbound.origin == 3, Inbound.state != "new")) or 0


async def _opened(tx: AsyncSession) -> int:
    return await tx.scalar(select(func.count()).where(Outbound.purpose == "task", Outbound.state == "sent")) or 0


async def _figures(
    hospital: Hospital, run: Run, flooded: float, handled: int, opened: int, recovered: float
) -> tuple[dict[str, Any], list[str]]:
    offset = hospital.clock.offset.total_seconds()

    def real(at: str) -> float:
        return datetime.fromisoformat(at).timestamp() - offset

    wrong, waits = [], []
    for number in range(FAMILIES):
        user = f"{LIVE}{number:04d}"
        chat = await hospital.control("GET", f"chats/{ACCOUNTS[0]}/{user}")
        waiting: list[float] = []
        for each in chat["messages"]:
            if each["from"] == "customer":
                waiting.append(real(each["at"]))
            elif each["from"] == "bot":
                waits += [real(each["at"]) - at for at in waiting]
                waiting = []
        if waiting and chat["service_state"] not in (2, 3):
            wrong.append(f"SILENCE: {len(waiting)} messages of {user}")
    ledger = await hospital.control("GET", "ledger")
    shown = {card["task_id"]: real(card["at"]) for card in ledger["app_messages"]}

    async def alerts(tx: AsyncSession) -> dict[str, float]:
        rows = await tx.execute(
            select(Chat.external_userid, FlagNotice.card).join(Flag, Flag.id == FlagNotice.flag_id).join(Chat, Chat.id == Flag.chat_id)
        )
        found: dict[str, float] = {}
        for user, card in rows:
            if card in shown and user in run.dangers:
                found[user] = min(found.get(user, shown[card]), shown[card])
        return found

    async def steps(tx: AsyncSession, *, danger: bool) -> list[tuple[float, float]]:
        """Of each message, how long it took to be heard, and to be understood."""
        rows = await tx.execute(
            select(Inbound.sent_at, Inbound.received_at, Inbound.handled_at).where(
                Inbound.msgid.in_(run.said), Inbound.text.in_(DANGERS) if danger else Inbound.text.not_in(DANGERS)
            )
        )
        return [((heard - sent).total_seconds(), (handled - sent).total_seconds()) for sent, heard, handled in rows if handled]

    told = await hospital.ask(alerts)
    heard = await hospital.ask(partial(steps, danger=True))
    others = await hospital.ask(partial(steps, danger=False))
    wrong += [f"DANGER WITHOUT ALERT: {user}" for user in run.dangers.keys() - told.keys()]
    moves = select(func.count()).where(StateChange.entity == "task", StateChange.new == "sent")
    if (began := await hospital.ask(lambda tx: tx.scalar(moves))) != ROUND:
        wrong.append(f"FOLLOW-UPS OPENED: {began} of {ROUND}")
    for each in ledger["messages"]:
        if each["external_userid"].startswith(BULK):
            run.bulk.append((real(each["at"]), 1))
    if len(run.bulk) != ROUND:
        wrong.append(f"FOLLOW-UPS SENT: {len(run.bulk)} of {ROUND}")
    alarm = [told[user] - at for user, at in run.dangers.items() if user in told]
    return {
        "said_per_s": round(len(run.said) / flooded, 1),
        "handled_per_s": round(handled / flooded, 1),
        "waiting_at_the_end": len(run.said) - handled,
        "danger_heard_p50_s": _part([each for each, _ in heard], 0.5),
        "danger_understood_p50_s": _part([each for _, each in heard], 0.5),
        "ordinary_heard_p50_s": _part([each for each, _ in others], 0.5),
        "ordinary_understood_p50_s": _part([each for _, each in others], 0.5),
        "alert_p50_s": _part(alarm, 0.5),
        "alert_max_s": _part(alarm, 1.0),
        "answer_p50_s": _part(waits, 0.5),
        "answer_p95_s": _part(waits, 0.95),
        "follow_ups_sent_meanwhile": opened,
        "follow_ups": ROUND,
        "worker_mb_before": round(run.memory_mb[0]) if run.memory_mb else None,
        "worker_mb_most": round(max(run.memory_mb, default=0)),
        "worker_mb_after": round(run.memory_mb[-1]) if run.memory_mb else None,
        "everything_done_after_s": round(recovered, 1),
    }, wrong


def _part(values: list[float], part: float) -> float | None:
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 2) if values else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=60, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="careloop-overload-", ignore_cleanup_errors=True) as name:
        figures, wrong = asyncio.run(overload(Path(name), **vars(asked)))
    for key, value in figures.items():
        print(f"{key:28} {value}")
    print("\n".join(wrong[:30]) or "no findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
