"""Everybody's follow-up is due at once, and both workers die in the middle of it: each family hears of it once."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.bench.crowd import plant_crowd
from bot.bench.people import plant_team
from plans.template import load_templates
from records.care_plan import Task
from records.message import Outbound
from records.schema import Contact
from records.staff import Team
from records.state import StateChange
from tests.durability.families import ACCOUNTS
from tests.durability.hospital import ZONE, Hospital, open_hospital, two_workers

# The year kills its worker in the middle of rounds too.
pytestmark = [pytest.mark.durability, pytest.mark.long]

FAMILIES, KILLS, PREFIX = 1200, 2, "wmCrowd"


async def test_a_killed_round_loses_and_doubles_nothing(folder: Path) -> None:
    async with open_hospital(folder, roles=two_workers(dialogue=False), plant=_plant) as hospital:
        await hospital.all_at_work()
        await hospital.control("POST", "crowd", open_kfid=ACCOUNTS[0], prefix=PREFIX, count=FAMILIES)
        await hospital.ask(lambda tx: _all_due(tx, hospital.clock()))
        for _ in range(KILLS):
            await _further(hospital)
            for worker in hospital.workers:
                hospital.kill(worker)
        await hospital.settle(0)
        wrong = await hospital.ask(_wrong)
        heard = Counter([await _heard(hospital, number) for number in range(FAMILIES)])
        assert not wrong, "\n".join([*wrong[:20], hospital.logs()])
        assert heard == {1: FAMILIES}, hospital.logs()


async def _plant(tx: AsyncSession, now: datetime) -> None:
    await plant_team(tx, [ACCOUNTS[0]])


async def _all_due(tx: AsyncSession, now: datetime) -> None:
    team = (await tx.scalars(select(Team.id))).one()
    template = load_templates()["neonatal"]
    await plant_crowd(tx, FAMILIES, template, account=ACCOUNTS[0], team=team, prefix=PREFIX, due_at=now, now=now, zone=ZONE)


async def _further(hospital: Hospital) -> None:
    """Until some more was handed over, while some is still to do: the next kill falls into the middle."""
    before = await hospital.ask(_still_to_do)

    async def moved() -> bool:
        return await hospital.ask(_still_to_do) < before

    await hospital.until(moved, "the round goes on")
    left = await hospital.ask(_still_to_do)
    hospital.note(f"{left} of {2 * FAMILIES} steps are left")
    assert left, "the round was over before the kill: the test has lost its point"


async def _still_to_do(tx: AsyncSession) -> int:
    """How many follow-ups have not been opened, and how many messages have not been sent."""
    scheduled = await tx.scalar(select(func.count()).where(Task.state == "scheduled")) or 0
    sent = await tx.scalar(select(func.count()).where(Outbound.state == "sent")) or 0
    return scheduled + FAMILIES - sent


async def _wrong(tx: AsyncSession) -> list[str]:
    """What the books say that should not be."""
    moves = Counter(await tx.scalars(select(StateChange.entity_id).where(StateChange.entity == "task", StateChange.new == "sent")))
    rows = {row.key: row for row in await tx.scalars(select(Outbound))}
    contacts = {row.key: row for row in await tx.scalars(select(Contact))}
    found = []
    for task in await tx.scalars(select(Task).order_by(Task.id)):
        key = f"task:{task.id}:opening"
        row, contact = rows.pop(key, None), contacts.pop(key, None)
        if task.state != "sent" or moves[task.id] != 1:
            found.append(f"task {task.id} is {task.state}, opened {moves[task.id]} times")
        if row is None or row.state != "sent":
            found.append(f"{key}: {row and (row.state, row.error)}")
        if contact is None or contact.state != "sent":
            found.append(f"{key} in the ledger: {contact and contact.state}")
    return found + [f"more than there should be: {key}" for key in (*rows, *contacts)]


async def _heard(hospital: Hospital, number: int) -> int:
    """How many messages of ours this family got in WeChat."""
    chat = await hospital.control("GET", f"chats/{ACCOUNTS[0]}/{PREFIX}{number}")
    return sum(each["from"] == "bot" for each in chat["messages"])
