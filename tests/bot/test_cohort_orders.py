"""Orders to put cohorts on plans: one that cannot go on holds up none behind it."""

from sqlalchemy import delete, select

from bot.cohort_enrolments import enrol_cohorts
from records.cohort_enrolment import CohortEnrolment
from records.database import Database
from records.staff import Staff, TeamMember
from tagging.cohort.builder import build
from tagging.cohort.parse import parse
from tagging.cohort.upkeep import keep_up
from tests.console.stage import NOW, ZONE, plant


async def test_an_order_that_fails_and_one_without_the_right_any_more(db: Database) -> None:
    async with db.transaction() as tx:
        await plant(tx)
        while (await keep_up(tx, now=NOW, zone=ZONE)).heard:
            pass
        staff = {row.userid: row for row in await tx.scalars(select(Staff))}
        teams = {row.staff_id: row.team_id for row in await tx.scalars(select(TeamMember))}
        for userid, template in (("zhangwei", "no_such_plan"), ("qinlan", "neonatal")):
            one = staff[userid]
            tx.add(
                CohortEnrolment(
                    template=template, version=1, staff_id=one.id, definition=build(parse("性别 女")), team_ids=[teams[one.id]], at=NOW
                )
            )
        await tx.execute(delete(TeamMember).where(TeamMember.staff_id == staff["qinlan"].id))
    await enrol_cohorts(db, lambda: NOW, ZONE)
    async with db.transaction() as tx:
        rows = [(row.template, row.state, row.enrolled) for row in await tx.scalars(select(CohortEnrolment).order_by(CohortEnrolment.id))]
    assert rows == [("no_such_plan", "running", 0), ("neonatal", "stopped", 0)]
