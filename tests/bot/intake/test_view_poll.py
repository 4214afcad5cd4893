"""A hospital's view, looked at again and again: what is new is stored once, and nothing that was committed late is missed."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import select

from bot.intake.feeds import Feed, add_feed, as_feed
from bot.intake.view_poll import ViewPoller, try_view
from bot.intake.view_rows import read_stored
from integrations.event import Observed
from integrations.rows.row import RowError
from records.database import Database
from records.feed import Feed as FeedRow
from records.feed import FeedMessage

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
MAPPING = """
event: observed
key: [report, item]
updated: updated
person:
  identifiers: [{system: record-number, column: patient}]
  name: name
fields: {text: item, value: value, unit: unit}
"""


class Lis:
    """The laboratory's database, and a poller that looks at it; `now` is what the clock shows."""

    def __init__(self, db: Database, file: Path) -> None:
        self.db, self.file, self.now = db, file, NOW
        self.environment = {"CARELOOP_LIS_URL": f"sqlite:///{file}"}
        self.poller = ViewPoller(db, lambda: self.now, environment=self.environment)
        self.run("create table v_lab (report text, item text, value text, unit text, patient text, name text, updated timestamp)")

    def run(self, statement: str, *values: Any) -> None:
        with sqlite3.connect(self.file) as lis:
            lis.execute(statement, values)

    def reports(self, report: str, value: str = "98", *, patient: str | None = "A1", at: str = "2026-03-02 09:00:00") -> None:
        self.run("insert into v_lab values (?, 'HGB', ?, 'g/L', ?, '周安安', ?)", report, value, patient, at)

    async def look(self, *, later: int = 60) -> dict[str, int]:
        self.now += timedelta(seconds=later)
        return await self.poller.look()

    async def stored(self) -> list[tuple[str | None, str]]:
        async with self.db.transaction() as tx:
            return [(row.control_id, row.state) for row in await tx.scalars(select(FeedMessage).order_by(FeedMessage.id))]

    async def feed(self) -> Feed:
        async with self.db.transaction() as tx:
            return as_feed(await tx.scalar(select(FeedRow)))  # type: ignore[arg-type]


async def has_feed(db: Database, *, mapping: str = MAPPING, **view: Any) -> None:
    settings = {"mapping": yaml.safe_load(mapping), "view": {"address": "CARELOOP_LIS_URL", "name": "v_lab", "page": 2, **view}}
    async with db.transaction() as tx:
        await add_feed(tx, "lis", "sqlview", settings, now=NOW)


@pytest.fixture
async def lis(db: Database, tmp_path: Path) -> Lis:
    await has_feed(db)
    return Lis(db, tmp_path / "lis.db")


async def test_what_is_new_is_stored_once(lis: Lis) -> None:
    for number in range(5):
        lis.reports(f"R{number}")
    assert await lis.look() == {"lis": 5}
    lis.reports("R5", at="2026-03-02 09:05:00")
    await lis.look()
    await lis.look()
    assert await lis.stored() == [(f"R{number}|HGB", "new") for number in range(6)]


async def test_a_correction_is_another_message_of_the_same_row(lis: Lis) -> None:
    lis.reports("R1")
    await lis.look()
    lis.run("update v_lab set value = '89', updated = '2026-03-02 09:30:00'")
    await lis.look()
    assert await lis.stored() == [("R1|HGB", "new")] * 2
    async with lis.db.transaction() as tx:
        bodies = [row.raw for row in await tx.scalars(select(FeedMessage).order_by(FeedMessage.id))]
    [message] = read_stored(await lis.feed(), bodies[-1], NOW, ZONE)
    [said] = message.events
    assert isinstance(said, Observed) and (said.key, said.values, said.unit) == ("R1|HGB", ("89",), "g/L")


async def test_a_row_that_was_committed_late_is_found(lis: Lis) -> None:
    lis.reports("R2", at="2026-03-02 09:10:00")
    await lis.look()
    lis.reports("R1", at="2026-03-02 09:04:00")
    await lis.look()
    assert {control for control, _ in await lis.stored()} == {"R1|HGB", "R2|HGB"}


async def test_a_view_is_looked_at_when_its_time_has_come(lis: Lis) -> None:
    await lis.look()
    lis.reports("R1")
    assert await lis.look(later=30) == {}
    assert await lis.look(later=30) == {"lis": 1}


async def test_two_workers_look_at_a_view_one_at_a_time(lis: Lis) -> None:
    lis.reports("R1")
    other = ViewPoller(lis.db, lambda: lis.now, environment=lis.environment)
    counts = await asyncio.gather(lis.poller.look(), other.look())
    assert await lis.stored() == [("R1|HGB", "new")] and {"lis": 1} in counts


async def test_a_row_without_a_key_is_kept_as_dead(lis: Lis) -> None:
    lis.run("insert into v_lab values (null, 'HGB', '98', 'g/L', 'A1', '周安安', '2026-03-02 09:00:00')")
    await lis.look()
    assert await lis.stored() == [("?", "dead")]


async def test_a_row_that_says_nothing_readable_is_told_by_its_column(lis: Lis) -> None:
    lis.reports("R1", patient=None)
    await lis.look()
    async with lis.db.transaction() as tx:
        row = await tx.scalar(select(FeedMessage))
    assert row is not None
    with pytest.raises(RowError) as err:
        read_stored(await lis.feed(), row.raw, NOW, ZONE)
    assert (err.value.permanent, err.value.detail) == (True, "empty: patient")


@pytest.mark.parametrize(
    ("view", "mapping", "code"),
    [
        ({"name": "v_gone"}, MAPPING, "unreachable"),
        ({"address": "CARELOOP_OTHER_URL"}, MAPPING, "address"),
        ({"every": 1}, MAPPING, "feed"),
        ({}, MAPPING.replace("updated: updated\n", ""), "feed"),
        ({}, "{}", "mapping"),
    ],
)
async def test_a_view_that_cannot_be_read_is_told_and_holds_nobody_up(
    db: Database, tmp_path: Path, view: dict[str, Any], mapping: str, code: str
) -> None:
    await has_feed(db, mapping=mapping, **view)
    lis = Lis(db, tmp_path / "lis.db")
    async with db.transaction() as tx:
        settings = {"mapping": yaml.safe_load(MAPPING), "view": {"address": "CARELOOP_LIS_URL", "name": "v_lab"}}
        await add_feed(tx, "other", "sqlview", settings, now=NOW)
    lis.reports("R1")
    assert await lis.look() == {"other": 1}
    async with db.transaction() as tx:
        row = await tx.scalar(select(FeedRow).where(FeedRow.name == "lis"))
    assert row is not None and row.mark["failed"] == code


async def test_a_view_can_be_tried_without_storing_anything(lis: Lis) -> None:
    for number in range(9):
        lis.reports(f"R{number}")
    rows = await try_view(lis.db, "lis", environment=lis.environment)
    assert [row["report"] for row in rows] == ["R0", "R1", "R2", "R3", "R4"]
    assert await lis.stored() == []
