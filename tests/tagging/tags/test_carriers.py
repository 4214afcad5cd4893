"""How many carry a tag: counted, and where there are too many to count, reckoned from the database's own statistics."""

from sqlalchemy import text

from records.database import Database
from tagging.cohort.upkeep import keep_up
from tagging.tags.carriers import carriers
from tagging.tags.door import open_door
from tests.tagging.tags.conftest import NOW, ZONE, Ward, his, told


async def test_counted_and_reckoned_agree_on_a_small_house(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx, open_door(tx, [ward.xiaoman, ward.doudou], NOW) as door:
        for child in (ward.xiaoman, ward.doudou):
            door[child].support("asthma", his())
        door[ward.doudou].support("preterm", told())
    async with db.transaction() as tx:
        while (await keep_up(tx, now=NOW, zone=ZONE)).heard:
            pass
        await tx.execute(text("analyze patient_index, patient_tag"))
        found = await carriers(tx)
        assert found == ({"asthma": 2, "preterm": 1}, True)
        # Of two rows each tag that is there once or more is among the commonest.
        assert await carriers(tx, counted=0) == (found[0], False)
