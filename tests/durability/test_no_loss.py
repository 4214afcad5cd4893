"""Nothing said is lost and nothing happens twice, whatever dies meanwhile."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.sweep import LOOK_AGAIN
from integrations.wecom.outbound import text as text_message
from records.care_plan import Task
from records.chat import Chat
from records.message import enqueue
from records.patient import Carer, PatientCarer
from records.wecom import KfAccount
from tests.durability.books import findings, open_books
from tests.durability.families import (
    HUMAN,
    TASKS_EACH,
    TEAMS,
    Family,
    close_alerts,
    end_human_sessions,
    families,
    held,
    introduce,
    plan_tasks,
    plant,
    talking,
    total,
)  # fmt: skip
from tests.durability.hospital import Hospital, open_hospital, two_workers
from tests.durability.processes import ROOT

pytestmark = pytest.mark.durability

SEED = 20260302
# The short form; CARELOOP_LONG=1 is the long one.
LONG = "CARELOOP_LONG" in os.environ
MESSAGES = 500 if LONG else 150
# What dies during the storm, in an order that the seed decides; "both" is both workers at once. What dies later, beside follow-ups.
VICTIMS = ("worker", "both", "gateway", "gateway", "gateway", "database") if LONG else ("both", "gateway", "database")
LATER = ("worker", "gateway", "gateway") if LONG else ("worker",)
KILLS = len(VICTIMS) + VICTIMS.count("both") + len(LATER)
# Families that hear more than the five messages WeCom allows, and do not write: what is left waits for their next word.
FLOODED, NOTES = 5, 7
# How often they ask whether there is more: each word also brings an answer, so that a slow machine, on which more waits, needs a second.
MORE = 3
# Longer than a follow-up keeps another one out of the chat.
NEXT_FOLLOW_UP = timedelta(minutes=61)


async def test_no_loss_no_double(folder: Path) -> None:
    rng = Random(SEED)
    everybody = families() if LONG else families()[:30]
    await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "bot", "train"], cwd=ROOT, check=True)
    async with open_hospital(folder, roles=two_workers(dialogue=True), plant=plant) as hospital:
        hospital.note(f"seed {SEED}")
        await introduce(hospital, everybody)
        await asyncio.gather(*(family.says(hospital, "你好") for family in everybody))
        await hospital.settle(total(everybody))
        planned = await hospital.ask(lambda tx: plan_tasks(tx, hospital.clock()))
        hospital.note(f"{planned} follow-ups are due")
        await storm(hospital, everybody, rng, until=MESSAGES - len(LATER) * len(everybody))
        await flood(hospital, everybody[:FLOODED])
        for victim in LATER:
            await an_hour_passes(hospital, everybody)
            await asyncio.sleep(1 + rng.random() * 3)
            answers = [family.says(hospital, family.answers(rng)) for family in everybody[FLOODED:]]
            await asyncio.gather(strike(hospital, victim, rng), *answers)
            await asyncio.sleep(2)
        await hospital.settle(total(everybody))
        for _ in range(TASKS_EACH):
            if await hospital.ask(unopened):
                await an_hour_passes(hospital, everybody)
                await hospital.settle(total(everybody))
        assert await hospital.ask(held), "no message waits for a closed window: the test has lost its point"
        await end_human_sessions(hospital, everybody)
        await asyncio.gather(*(family.says(hospital, "谢谢，再见") for family in everybody))
        await hospital.settle(total(everybody))
        # One word opens the window for five messages; whoever has more waiting says another.
        for _ in range(MORE):
            if put_off := await hospital.ask(unopened):
                await an_hour_passes(hospital, everybody)
                await hospital.settle(total(everybody))
            waiting = put_off | await hospital.ask(held)
            await asyncio.gather(*(family.says(hospital, "还有吗") for family in everybody if family.user in waiting))
            await hospital.settle(total(everybody))
        await a_callback_gets_lost(hospital, everybody[-1])
        await hospital.settle(total(everybody))
        hospital.note(f"{total(everybody)} messages, {hospital.kills} kills; the books are opened")
        books = await open_books(hospital, everybody)
        wrong = list(findings(books, everybody))
        assert not wrong, f"seed {SEED}, {len(wrong)} findings:\n" + "\n".join(wrong[:20]) + "\n" + hospital.logs()
        assert total(everybody) >= MESSAGES
        assert hospital.kills >= KILLS
        assert len(books.tasks) == planned
        assert len(books.openings()) > planned / 3


async def storm(hospital: Hospital, everybody: list[Family], rng: Random, *, until: int) -> None:
    """Families write while this and that dies."""
    victims = list(VICTIMS)
    rng.shuffle(victims)
    for team in range(len(TEAMS)):
        await everybody[FLOODED + len(TEAMS) * rng.randrange(10) + team].says(hospital, HUMAN)
    for number, victim in enumerate(victims):
        share = (until - total(everybody)) // (len(victims) - number)
        talk = asyncio.create_task(talking(hospital, everybody, rng, share))
        await asyncio.sleep(rng.random() * 1.5)
        await strike(hospital, victim, rng)
        await talk
    await hospital.settle(total(everybody))


async def strike(hospital: Hospital, victim: str, rng: Random) -> None:
    """Kill it. A worker dies at its work, so that the next death of one waits until all are back."""
    if victim == "database":
        hospital.kill_database()
        return
    if victim == "gateway":
        hospital.kill(hospital.programs["gateway"])
        return
    await hospital.all_at_work()
    for worker in hospital.workers if victim == "both" else [rng.choice(hospital.workers)]:
        hospital.kill(worker)


async def flood(hospital: Hospital, unlucky: list[Family]) -> None:
    """More messages for some families than their window allows."""

    async def write(tx: AsyncSession) -> None:
        chats = await tx.scalars(select(Chat).where(Chat.external_userid.in_([family.user for family in unlucky])))
        for chat in chats:
            for number in range(NOTES):
                await enqueue(
                    tx,
                    f"note:{chat.id}:{number}",
                    line=f"chat:{chat.id}",
                    route="kf",
                    payload=text_message(f"第{number}条通知"),
                    purpose="note",
                    chat_id=chat.id,
                    now=hospital.clock(),
                )

    await hospital.ask(write)
    await hospital.settle(0)


async def unopened(tx: AsyncSession) -> set[str]:
    """The families with a follow-up that still waits for another one to be over, or whose opening found the window used up by answers."""
    never_said = (Task.state == "scheduled") | (Task.state.in_(("sent", "reminded")) & Task.chat_id.is_(None))
    carers = select(Carer.external_userid).join(PatientCarer, PatientCarer.carer_id == Carer.id)
    return set(await tx.scalars(carers.join(Task, Task.patient_id == PatientCarer.patient_id).where(never_said)))


async def an_hour_passes(hospital: Hospital, everybody: list[Family]) -> None:
    """Clinicians finish what they have in hand; then the next follow-ups may go out."""
    await end_human_sessions(hospital, everybody)
    await close_alerts(hospital)
    hospital.note("an hour passes")
    await hospital.move_clock(NEXT_FOLLOW_UP)


async def a_callback_gets_lost(hospital: Hospital, family: Family) -> None:
    """The gateway is down until WeCom gives up telling it; no other callback follows."""
    gateway = hospital.programs["gateway"]
    gateway.kill()
    hospital.kills += 1
    await family.says(hospital, "刚才又抽搐了")

    async def given_up() -> bool:
        attempts = await hospital.control("GET", "callback")
        return len(attempts) >= 4 and all(attempt["outcome"] != "200" for attempt in attempts[-4:])

    await hospital.until(given_up, "WeCom has given up the callback")
    gateway.start()
    # A minute without news, for the database's own clock.
    await hospital.ask(lambda tx: tx.execute(update(KfAccount).values(news_at=KfAccount.news_at - LOOK_AGAIN)))
