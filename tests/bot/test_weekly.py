"""The weekly summary: one card to each lead on Monday morning, by exception, once however often and by however many it is looked at."""

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.weekly import BYTES, WeeklySummary, card
from plans.measures.exceptions import Exceptions, exceptions
from plans.measures.period import Period
from records.content import ContentItem, ContentVersion
from records.database import Database
from records.flag import Flag
from records.message import Outbound
from records.role import Role, StaffRole
from records.staff import Staff, Team
from tests.plans.measures.conftest import BLOOD, NEONATAL, ZONE, Hospital, local

PAGES = "https://careloop.hospital.example"
MONDAY = local(9, 8)
WEEK, BEFORE = Period(date(2026, 3, 2), date(2026, 3, 8), ZONE), Period(date(2026, 2, 23), date(2026, 3, 1), ZONE)


class Clock:
    """Shows what the test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def leads(db: Database) -> dict[str, int]:
    """何敏 leads the newborns' team and 方岚 the other; 林 nurses, and the administrator has every right everywhere. One alert of the
    newborns' week was taken after an hour and one not at all."""
    async with db.transaction() as tx:
        teams = {name: Team(name=name) for name in (NEONATAL, BLOOD)}
        people = {each: Staff(userid=each, name=each, title="") for each in ("he", "fang", "lin", "admin")}
        tx.add_all([*teams.values(), *people.values()])
        await tx.flush()
        roles = {role.code: role.id for role in await tx.scalars(select(Role))}
        for who, role, team in (("he", "lead", NEONATAL), ("fang", "lead", BLOOD), ("lin", "clinician", NEONATAL)):
            tx.add(StaffRole(staff_id=people[who].id, role_id=roles[role], team_id=teams[team].id))
        tx.add(StaffRole(staff_id=people["admin"].id, role_id=roles["administrator"], team_id=None))
        hospital = Hospital(tx, teams, people["lin"])
        baby = await hospital.patient()
        await hospital.alert(baby, "urgent", local(3), taken=60, closed=70)
        await hospital.alert(baby, "urgent", local(4))
        await hospital.alert(baby, "urgent", local(5), taken=5, closed=6)
        return {name: team.id for name, team in teams.items()}


async def cards(db: Database) -> list[Outbound]:
    async with db.transaction() as tx:
        return list(await tx.scalars(select(Outbound).order_by(Outbound.seq)))


async def test_one_card_on_monday_morning_to_the_lead_who_has_something_to_do(db: Database, leads: dict[str, int]) -> None:
    clock = Clock(MONDAY - timedelta(minutes=1))
    summary, other = (WeeklySummary(db, clock, ZONE, PAGES) for _ in range(2))
    assert await summary.look() == 0 and await cards(db) == []
    clock.now = MONDAY
    # Two workers at once, the same one again, and one that starts anew on Tuesday.
    assert sorted(await asyncio.gather(summary.look(), other.look())) == [0, 1]
    clock.now += timedelta(minutes=1)
    assert await summary.look() == 0
    clock.now += timedelta(days=1)
    assert await WeeklySummary(db, clock, ZONE, PAGES).look() == 0
    (sent,) = await cards(db)
    assert (sent.line, sent.route, sent.purpose) == ("staff:he", "app", "notice")
    body: dict[str, Any] = sent.payload["textcard"]
    assert body["title"] == "随访周报：有2件事请您看一下"
    assert body["description"].splitlines()[1] == f"{NEONATAL}：2条预警没有按时接手；1条预警一天以上还没关闭"
    assert body["url"] == f"{PAGES}/console/reports/alerts?from=2026-03-02&to=2026-03-08&team={leads[NEONATAL]}"
    assert "宝宝" not in json.dumps(sent.payload, ensure_ascii=False)


async def test_a_quiet_week_sends_nothing_and_a_missed_monday_is_made_up_for(db: Database, leads: dict[str, int]) -> None:
    async with db.transaction() as tx:
        for flag in await tx.scalars(select(Flag)):
            flag.state, flag.acknowledged_at = "closed", flag.raised_at
    clock = Clock(MONDAY)
    assert await WeeklySummary(db, clock, ZONE, PAGES).look() == 0
    assert await cards(db) == []
    # The next week nobody looked before Wednesday: that week is not told of any more; the one after is, on Tuesday.
    for day, told in ((18, 0), (24, 1)):
        async with db.transaction() as tx:
            team, lin = await tx.get_one(Team, leads[NEONATAL]), await tx.scalar(select(Staff).where(Staff.userid == "lin"))
            assert lin is not None
            hospital = Hospital(tx, {NEONATAL: team}, lin, number=day)
            await hospital.alert(await hospital.patient(), "urgent", local(day - 7), taken=90, closed=90)
        clock.now = local(day, 11)
        assert await WeeklySummary(db, clock, ZONE, PAGES).look() == told


async def test_what_got_worse_is_told_and_what_did_not_is_not(db: Database) -> None:
    async with db.transaction() as tx:
        teams = {name: Team(name=name) for name in (NEONATAL, BLOOD)}
        lin = Staff(userid="lin", name="林", title="护士")
        tx.add_all([*teams.values(), lin])
        await tx.flush()
        hospital = Hospital(tx, teams, lin)
        for number in range(20):
            # 19 of 20 answered the week before; this week 15 of 19, and one was not reached.
            baby = await hospital.patient()
            await hospital.task(baby, 25, "done" if number else "missed", month=2, answered_after=1 if number else None)
            state = "undeliverable" if number == 0 else "missed" if number < 5 else "done"
            await hospital.task(baby, 4, state, answered_after=1 if state == "done" else None)
            # The other team has one whom nothing reaches, this week as before: that is known.
            other = await hospital.patient(BLOOD)
            for day, month in ((25, 2), (4, 3)):
                state = "undeliverable" if number == 0 else "done"
                await hospital.task(other, day, state, month=month, answered_after=1 if number else None)
        common = {"definition": {}, "tags": [], "reading_level": 1, "source": "", "author": "lin", "editors": [], "created_at": local(1)}
        for code, team, review_by, expires in (
            ("bath", NEONATAL, date(2026, 3, 20), None),
            ("feeding", NEONATAL, date(2027, 1, 1), local(20)),
            ("fever", NEONATAL, date(2027, 1, 1), None),
            ("old", NEONATAL, date(2026, 3, 1), local(3)),
        ):
            item = ContentItem(code=code, kind="article", team_id=teams[team].id, at=local(1), by="lin")
            await hospital.add(item)
            version = {"version": 1, "state": "published", "title": code, "review_by": review_by, "expires_at": expires}
            await hospital.add(ContentVersion(content_id=item.id, **version, **common))
        found = await exceptions(tx, WEEK, BEFORE, now=MONDAY)
    neonatal = found.pop(teams[NEONATAL].id)
    # 20 were due, of whom 19 were reached: too few to say that fewer answer.
    assert neonatal == Exceptions(unreached=(1, 0), expiring=2)
    assert found == {}


def test_a_card_holds_as_many_teams_as_it_has_room_for() -> None:
    names = {number: f"第{number}病区儿童随访组" for number in range(20)}
    worth = dict.fromkeys(names, Exceptions(late=3, left_open=1, unreached=(9, 2), response=(0.61, 0.82), expiring=1))
    body = card(worth, names, WEEK, PAGES)["textcard"]
    assert len(body["description"].encode()) <= BYTES and "team=" not in body["url"]
    assert "回复率61%，前一周82%" in body["description"] and body["description"].endswith("个团队，请看报表。")
    # Without an address there is no link to give.
    assert "工作台“报表”" in card(worth, names, WEEK, "")["text"]["content"]
