"""A hospital that speaks: messages about Xiaoman, born on 1 March, applied one after the other."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply import ApplyError, NeedsPerson, apply
from integrations.event import Coded, Event, Identifier, Message, Observed, PatientMerge, PatientUpsert, Person, Visit, VisitChange
from records.database import Database
from records.feed import Feed
from records.schema import Base, Patient, Team

ZONE = ZoneInfo("Asia/Shanghai")
BORN = date(2026, 3, 1)
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
# Long after all that is said here, so that no time of theirs counts as ahead.
RECEIVED = NOON + timedelta(days=30)
XIAOMAN = Person(
    identifiers=(Identifier("record-number", "N1"), Identifier("empi", "E1")),
    name="张小满",
    sex="F",
    birth_date=BORN,
    phones=("13800001234",),
)
# Kept by the database or by the order of arrival: not part of what the record says.
UNSAID = {"id", "updated_at", "recorded_at", "changed_at", "said_at", "since"}


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def message(*events: Event, id: str = "1", kind: str = "ADT^A08", minutes: float = 0, test: bool = False) -> Message:
    return Message(id=id, kind=kind, at=at(minutes), events=events, test=test)


def visit(what: Any, *, person: Person = XIAOMAN, **fields: Any) -> VisitChange:
    return VisitChange(person=person, what=what, visit=Visit(**{"number": "V1", "kind": "inpatient", "department": "新生儿科", **fields}))


def observed(name: str, *values: str, person: Person = XIAOMAN, key: str | None = None, code: str | None = None, **fields: Any) -> Observed:
    told = {"effective_at": NOON, "released_at": NOON, **fields}
    return Observed(person=person, key=key or name, code=Coded(code, name, "LN" if code else None), values=values, **told)


def upsert(person: Person = XIAOMAN, **changes: Any) -> PatientUpsert:
    return PatientUpsert(person=replace(person, **changes))


def merge(gone: Person, *, kept: Person = XIAOMAN, undo: bool = False) -> PatientMerge:
    return PatientMerge(person=kept, gone=gone, undo=undo)


@dataclass
class Hospital:
    """One feed into one transaction."""

    tx: AsyncSession
    number: int = 0
    codes: list[str] = field(default_factory=list)

    async def says(self, *events: Event, minutes: float | None = None, feed: str = "his", **fields: Any) -> None:
        self.number += 1
        minutes = self.number if minutes is None else minutes
        await self.sends(message(*events, **{"id": str(self.number), "minutes": minutes, **fields}), feed=feed)

    async def sends(self, sent: Message, feed: str = "his") -> None:
        await apply(self.tx, sent, feed=feed, received_at=RECEIVED, now=NOON + timedelta(hours=1), zone=ZONE)

    async def is_refused(self, *events: Event, **fields: Any) -> ApplyError:
        """What the message raises; as whoever applies messages does, it is rolled back and its questions are put."""
        refused: ApplyError | None = None
        try:
            async with self.tx.begin_nested():
                await self.says(*events, **fields)
        except ApplyError as err:
            refused = err
        assert refused is not None, "the message was applied"
        if isinstance(refused, NeedsPerson):
            await refused.ask(self.tx, NOON)
        return refused

    async def patients(self) -> list[Patient]:
        return list(await self.tx.scalars(select(Patient).order_by(Patient.id)))

    async def patient(self) -> Patient:
        return (await self.tx.scalars(select(Patient))).one()

    async def rows(self, table: type[Base]) -> list[Any]:
        await self.tx.flush()
        return list(await self.tx.scalars(select(table).order_by(table.id).execution_options(populate_existing=True)))  # type: ignore[attr-defined]


async def hospital_in(tx: AsyncSession) -> Hospital:
    tx.add_all([Team(name="新生儿科随访组", phone=None), Team(name="血液科随访组", phone=None)])
    settings = {"teams": {"血液科": "血液科随访组"}, "team": "新生儿科随访组", "items": {"X03": "platelets"}}
    tx.add(Feed(name="his", kind="hl7", settings=settings, created_at=NOON))
    await tx.flush()
    return Hospital(tx)


@pytest.fixture
async def hospital(db: Database) -> AsyncIterator[Hospital]:
    async with db.transaction() as tx:
        yield await hospital_in(tx)
