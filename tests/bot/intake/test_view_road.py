"""From a row in the hospital's view to the family's results."""

from pathlib import Path

from sqlalchemy import select

from bot.apply import apply, apply_all
from bot.intake.applying import FeedApplier, lanes_to_apply
from bot.intake.readers import VERSION, read_message
from records.database import Database
from records.lab_result import LabResult
from records.staff import Team
from tests.bot.intake.test_view_poll import MAPPING, ZONE, Lis, has_feed

WHO = MAPPING.replace("name: name", "name: name\n  birth_date: {fixed: '2024-05-06'}\n  sex: {fixed: 女}")


async def applied(lis: Lis) -> None:
    applier = FeedApplier(lis.db, lambda: lis.now, ZONE, read=read_message, apply=apply, apply_all=apply_all, version=VERSION)
    async with lis.db.transaction() as tx:
        jobs = await lanes_to_apply(tx, lis.now)
    for job in jobs:
        await applier.run(job.key)


async def results(db: Database) -> list[tuple[str, str]]:
    async with db.transaction() as tx:
        return [(row.item, row.text) for row in await tx.scalars(select(LabResult).order_by(LabResult.id))]


async def test_a_row_reaches_the_record_and_its_correction_takes_its_place(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as tx:
        tx.add(Team(name="血液科"))
    await has_feed(db, mapping=WHO)
    lis = Lis(db, tmp_path / "lis.db")
    lis.reports("R1")
    await lis.look()
    await applied(lis)
    assert [state for _, state in await lis.stored()] == ["applied"]
    assert await results(db) == [("HGB", "98")]
    lis.run("update v_lab set value = '89', updated = '2026-03-02 09:30:00'")
    await lis.look()
    await applied(lis)
    assert await results(db) == [("HGB", "89")]
