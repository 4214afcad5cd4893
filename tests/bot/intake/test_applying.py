"""What is stored is applied: in order for each patient, once in effect, and what cannot be applied stands in nobody's way."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.intake.applying import ATTEMPTS, FeedApplier, lanes_to_apply
from bot.intake.dead_letters import NoSuchMessage, Selection, find, look, replay
from bot.intake.feeds import Feed, add_feed
from integrations.event import Message, PatientUpsert, Person
from records.database import Database
from records.feed import Feed as FeedRow
from records.feed import FeedMessage, lane_of, message_row, store_messages
from records.setting import Setting
from records.state import StateChange
from tests.bot.intake.conftest import NOW, ZONE


class Trouble(Exception):
    """What applying raises; its text names the patient and must not be kept."""

    def __init__(self, code: str, *, permanent: bool) -> None:
        super().__init__(f"{code}: 张三")
        self.code, self.permanent = code, permanent


def read(feed: Feed, body: bytes, received_at: datetime, zone: ZoneInfo) -> Iterable[Message]:
    """`kind key` is a message; `batch a b` are two."""
    kind, *keys = body.decode().split()
    if kind == "unreadable":
        raise Trouble("not_hl7", permanent=True)
    for key in keys:
        yield Message(key, kind, None, () if kind == "empty" else (PatientUpsert(person=Person(())),), test=kind == "test")


class Hands:
    """Stands where applying stands: it notes what it was given in the database, in the transaction it was given."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.order: list[str] = []

    async def apply(self, tx: AsyncSession, message: Message, *, feed: str, received_at: datetime, now: datetime, zone: ZoneInfo) -> None:
        self.order.append(message.id)
        tx.add(Setting(name=f"applied {message.id} {len(self.order)}", value={"feed": feed}))
        if message.id in self.fails:
            await tx.flush()
            raise self.fails[message.id]


class Office:
    """A feed with its messages, and somebody who applies them."""

    def __init__(self, db: Database, feed: int) -> None:
        self.db, self.feed, self.now, self.hands = db, feed, NOW, Hands()
        self.applier = FeedApplier(db, lambda: self.now, ZONE, read=read, apply=self.hands.apply, version="7")

    async def receives(self, *messages: tuple[str, str]) -> None:
        """(patient, body)"""
        rows = [
            message_row(
                feed_id=self.feed, key=f"{body}{number}", body=body.encode(), received_at=self.now, connection="c", kind="k", order_key=who,
            )
            for number, (who, body) in enumerate(messages)
        ]  # fmt: skip
        async with self.db.transaction() as tx:
            await store_messages(tx, rows)

    async def works(self) -> None:
        """Everything that may be applied now."""
        while True:
            async with self.db.transaction() as tx:
                jobs = await lanes_to_apply(tx, self.now)
            if not jobs:
                return
            await asyncio.gather(*(self.applier.run(job.key) for job in jobs))

    async def states(self) -> dict[str, str]:
        async with self.db.transaction() as tx:
            return {message.raw.decode(): message.state for message in await tx.scalars(select(FeedMessage).order_by(FeedMessage.id))}

    async def message(self, body: str) -> FeedMessage:
        async with self.db.transaction() as tx:
            return next(message for message in await tx.scalars(select(FeedMessage)) if message.raw.decode() == body)

    async def effects(self) -> list[str]:
        async with self.db.transaction() as tx:
            names = await tx.scalars(select(Setting.name).where(Setting.name.startswith("applied")))
            return [name.split()[1] for name in sorted(names, key=lambda name: int(name.split()[2]))]

    async def counted(self) -> tuple[int, int, int]:
        async with self.db.transaction() as tx:
            feed = await tx.get_one(FeedRow, self.feed)
            return feed.applied, feed.ignored, feed.dead


@pytest.fixture
async def office(db: Database) -> Office:
    async with db.transaction() as tx:
        return Office(db, (await add_feed(tx, "lis", "hl7", {}, now=NOW)).id)


OTHER = next(f"P{number}" for number in range(2, 99) if lane_of(f"P{number}") == lane_of("P1"))


async def test_what_is_stored_is_applied_once_and_in_order(office: Office) -> None:
    await office.receives(*[("P1", f"adt {number}") for number in range(250)])
    await office.works()
    assert await office.effects() == [str(number) for number in range(250)]
    assert set((await office.states()).values()) == {"applied"}
    assert (await office.message("adt 3")).parser_version == "7" and (await office.message("adt 3")).applied_at == NOW
    assert await office.counted() == (250, 0, 0)


async def test_a_job_that_runs_twice_at_once_applies_once(office: Office) -> None:
    await office.receives(("P1", "adt 1"), ("P1", "adt 2"))
    await asyncio.gather(*(office.applier.run(f"{office.feed}:{lane_of('P1')}") for _ in range(4)))
    await office.works()
    assert await office.effects() == ["1", "2"]


async def test_a_permanent_error_is_a_dead_letter_with_its_reason_and_holds_up_nobody(office: Office) -> None:
    office.hands.fails["1"] = Trouble("no_birth_date", permanent=True)
    await office.receives(("P1", "adt 1"), ("P1", "adt 2"), (OTHER, "adt 3"), ("P1", "unreadable"))
    await office.works()
    assert await office.states() == {"adt 1": "dead", "adt 2": "applied", "adt 3": "applied", "unreadable": "dead"}
    assert await office.effects() == ["2", "3"]
    dead = await office.message("adt 1")
    assert (dead.error_code, dead.error, dead.attempts) == ("no_birth_date", "Trouble", 1)
    async with office.db.transaction() as tx:
        changes = list(await tx.scalars(select(StateChange).where(StateChange.entity == "feed_message").order_by(StateChange.id)))
    assert [(change.entity_id, change.new, change.reason) for change in changes] == [
        (dead.id, "dead", "no_birth_date"),
        (dead.id + 3, "dead", "not_hl7"),
    ]


async def test_what_must_wait_for_a_later_message_does_not_hold_it_up(office: Office) -> None:
    office.hands.fails["1"] = Trouble("visit_unknown", permanent=False)
    await office.receives(("P1", "adt 1"), ("P1", "adt 2"))
    await office.works()
    assert await office.states() == {"adt 1": "new", "adt 2": "applied"}
    office.hands.fails.clear()
    office.now += timedelta(minutes=1)
    await office.works()
    assert await office.effects() == ["2", "1"]


async def test_an_unexpected_error_is_tried_again_and_only_its_patient_waits(office: Office) -> None:
    office.hands.fails["1"] = ValueError("张三")
    await office.receives(("P1", "adt 1"), ("P1", "adt 2"), (OTHER, "adt 3"))
    await office.works()
    assert await office.states() == {"adt 1": "new", "adt 2": "new", "adt 3": "applied"}
    office.hands.fails.clear()
    office.now += timedelta(minutes=1)
    await office.works()
    assert await office.effects() == ["3", "1", "2"]


async def test_an_error_that_never_passes_ends_as_a_dead_letter_and_lets_the_patient_go_on(office: Office) -> None:
    office.hands.fails["1"] = KeyError("张三")
    await office.receives(("P1", "adt 1"), ("P1", "adt 2"))
    for _ in range(ATTEMPTS):
        await office.works()
        office.now += timedelta(minutes=10)
    assert await office.states() == {"adt 1": "dead", "adt 2": "applied"}
    dead = await office.message("adt 1")
    assert (dead.attempts, dead.error_code, dead.error) == (ATTEMPTS, "unexpected", "KeyError")
    assert await office.effects() == ["2"]


async def test_an_error_of_the_database_takes_back_only_its_own_message(office: Office) -> None:
    class Clumsy(Hands):
        async def apply(self, tx: AsyncSession, message: Message, **rest: Any) -> None:
            await super().apply(tx, message, **rest)
            if message.id == "2":
                await tx.execute(text("select 1 / 0"))

    office.hands = Clumsy()
    office.applier = FeedApplier(office.db, lambda: office.now, ZONE, read=read, apply=office.hands.apply, version="7")
    await office.receives(("P1", "adt 1"), (OTHER, "adt 2"), ("P1", "adt 3"))
    await office.works()
    assert await office.states() == {"adt 1": "applied", "adt 2": "new", "adt 3": "applied"}
    assert ((await office.message("adt 2")).error_code, (await office.message("adt 2")).error) == ("database", "DivisionByZero")
    assert await office.effects() == ["1", "3"]


async def test_of_a_batch_all_is_applied_or_nothing(office: Office) -> None:
    office.hands.fails["b"] = Trouble("odd", permanent=True)
    await office.receives(("P1", "adt a b"))
    await office.works()
    assert await office.states() == {"adt a b": "dead"}
    assert await office.effects() == []


async def test_test_messages_and_sandbox_feeds_are_tried_and_reach_nobody(office: Office) -> None:
    office.hands.fails["3"] = Trouble("odd", permanent=True)
    await office.receives(("P1", "test 1"), ("P1", "empty 2"))
    await office.works()
    async with office.db.transaction() as tx:
        (await tx.get_one(FeedRow, office.feed)).sandbox = True
    await office.receives(("P1", "adt 3"), ("P1", "adt 4"))
    await office.works()
    assert await office.states() == {"test 1": "ignored", "empty 2": "ignored", "adt 3": "dead", "adt 4": "ignored"}
    assert [(await office.message(body)).error_code for body in ("test 1", "empty 2", "adt 4")] == ["test", "nothing_for_us", "test"]
    assert await office.effects() == ["2"]


async def test_a_feed_that_is_switched_off_waits(office: Office) -> None:
    await office.receives(("P1", "adt 1"))
    async with office.db.transaction() as tx:
        (await tx.get_one(FeedRow, office.feed)).active = False
    await office.works()
    await office.applier.run(f"{office.feed}:{lane_of('P1')}")
    assert await office.states() == {"adt 1": "new"}


async def test_dead_letters_are_replayed_in_their_order_and_twice_does_no_harm(office: Office) -> None:
    for number in ("1", "2", "3"):
        office.hands.fails[number] = Trouble("unmapped", permanent=True)
    office.hands.fails["4"] = Trouble("odd", permanent=True)
    await office.receives(*[("P1", f"adt {number}") for number in range(1, 6)])
    await office.works()
    office.hands.fails.clear()
    async with office.db.transaction() as tx:
        found = await find(tx, Selection(feed="lis", code="unmapped"), 2)
        assert [message.control_id or message.error_code for _, message in found] == ["unmapped"] * 2
        assert [await replay(tx, Selection(code="unmapped"), by="nurse", now=NOW) for _ in range(2)] == [3, 0]
    await office.works()
    assert await office.effects() == ["5", "1", "2", "3"]
    assert await office.states() == {f"adt {number}": "dead" if number == 4 else "applied" for number in range(1, 6)}
    assert (await office.message("adt 1")).error_code is None


async def test_a_replay_takes_a_range_of_time_or_single_messages(office: Office) -> None:
    office.hands.fails.update({number: Trouble("odd", permanent=True) for number in "123"})
    for number in "123":
        office.now += timedelta(hours=1)
        await office.receives(("P1", f"adt {number}"))
    await office.works()
    second, third = await office.message("adt 2"), await office.message("adt 3")
    async with office.db.transaction() as tx:
        assert await replay(tx, Selection(since=second.received_at, until=third.received_at), by="it", now=NOW) == 1
        assert await replay(tx, Selection(numbers=[third.id, 99999]), by="it", now=NOW) == 1
        assert await replay(tx, Selection(feed="other"), by="it", now=NOW) == 0
    assert await office.states() == {"adt 1": "dead", "adt 2": "new", "adt 3": "new"}


async def test_looking_at_the_text_of_a_message_is_written_down(office: Office) -> None:
    await office.receives(("P1", "adt 1"))
    number = (await office.message("adt 1")).id
    async with office.db.transaction() as tx:
        for raw in (False, True):
            assert (await look(tx, number, raw=raw, by="it", now=NOW))[1].raw == b"adt 1"
        with pytest.raises(NoSuchMessage):
            await look(tx, number + 1, raw=False, by="it", now=NOW)
    async with office.db.transaction() as tx:
        assert [(change.by, change.reason) for change in await tx.scalars(select(StateChange))] == [("it", "raw shown")]


class Together(Hands):
    """Applies many at once too, as one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def apply_all(
        self, tx: AsyncSession, messages: Sequence[tuple[Message, datetime]], *, feed: str, now: datetime, zone: ZoneInfo
    ) -> None:
        self.batches.append(len(messages))
        for message, received_at in messages:
            await self.apply(tx, message, feed=feed, received_at=received_at, now=now, zone=zone)


async def test_a_batch_with_a_bad_message_goes_one_by_one(office: Office) -> None:
    hands = office.hands = Together()
    office.applier = FeedApplier(office.db, lambda: office.now, ZONE, read=read, apply=hands.apply, apply_all=hands.apply_all, version="7")
    await office.receives(("P1", "adt 1"), ("P1", "batch 2 3"))
    await office.works()
    hands.fails["5"] = Trouble("odd", permanent=True)
    await office.receives(("P1", "adt 4"), ("P1", "adt 5"), ("P1", "adt 6"))
    await office.works()
    assert await office.states() == {
        "adt 1": "applied", "batch 2 3": "applied", "adt 4": "applied", "adt 5": "dead", "adt 6": "applied",
    }  # fmt: skip
    assert await office.effects() == ["1", "2", "3", "4", "6"]
    assert hands.batches == [3, 3]
