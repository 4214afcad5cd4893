"""A team's patients without a search: the latest first, page by page, and nobody else's."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from records import patients_lately as lately
from records.database import Database
from records.flag import Flag
from records.patient import Patient, ReadAudit
from records.patient_index import PatientIndex
from records.patients_lately import Place, patients_lately
from records.staff import Staff, Team, TeamMember

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
TODAY = date(2026, 3, 1)


@given(st.dates(), st.integers(0, 10**18 - 1), st.text(max_size=20))
def test_a_place_is_read_as_it_was_written_and_nonsense_is_the_beginning(day: date, id: int, nonsense: str) -> None:
    assert Place.read(str(Place(day, id))) == Place(day, id)
    assert Place.read(nonsense) == Place() == Place.read("2026-02-30.7")


async def test_pages_hold_each_of_her_teams_once_in_order(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lately, "PAGE", 4)
    async with db.transaction() as tx:
        teams, lin = [Team(name=name) for name in ("one", "two", "other")], Staff(userid="lin", name="林", title="护士")
        tx.add_all([*teams, lin])
        await tx.flush()
        tx.add_all(TeamMember(team_id=team.id, staff_id=lin.id) for team in teams[:2])
        for number in range(18):
            team = teams[number % 3].id
            child = Patient(team_id=team, record_number=f"N{number}", name=f"孩子{number}", birth_date=date(2025, 1, 1))
            tx.add(child)
            await tx.flush()
            # Some on the same day, some never; what happened last counts, whatever it was.
            day = TODAY - timedelta(days=number // 4) if number < 15 else None
            before = TODAY - timedelta(days=40)
            days = (day, before, None) if number % 2 else (before, None, day)
            visited, discharged, answered = days if day is not None else (None, None, None)
            tx.add(
                PatientIndex(
                    patient_id=child.id, team_id=team, birth_date=child.birth_date, visited_on=visited, discharged_on=discharged,
                    answered_on=answered, tags=[], plans=[],
                )
            )  # fmt: skip
            if number == 1:
                for level, state in (("routine", "raised"), ("urgent", "acknowledged"), ("emergency", "closed")):
                    tx.add(
                        Flag(
                            patient_id=child.id, team_id=team, level=level, category=level, said="", because="", state=state, raised_at=NOW
                        )
                    )
        await tx.flush()
        pages, after = [], Place()
        while True:
            page, following = await patients_lately(tx, lin, after=after, now=NOW)
            pages.append(page)
            if following is None:
                break
            after = following
        found = [each for page in pages for each in page]
        assert [len(page) for page in pages] == [4, 4, 4]
        assert sorted(each.patient.name for each in found) == sorted(f"孩子{n}" for n in range(18) if n % 3 < 2)
        days = [each.on_day or date.min for each in found]
        assert days == sorted(days, reverse=True) and days[0] == TODAY and days[-1] == date.min
        first = next(each for each in found if each.patient.name == "孩子1")
        assert (first.what, first.level) == ("visited", "urgent") and {each.what for each in found} == {"visited", "answered", ""}
        reads = list(await tx.scalars(select(ReadAudit).where(ReadAudit.why == "patients")))
        assert {each.patient_id for each in reads} == {each.patient.id for each in found} and len(reads) == 12
        # Who moved away is not shown, though the index has not heard of it; who left sees nobody.
        first.patient.team_id = teams[2].id
        assert "孩子1" not in [each.patient.name for each in (await patients_lately(tx, lin, after=Place(), now=NOW))[0]]
        lin.active = False
        assert await patients_lately(tx, lin, after=Place(), now=NOW) == ([], None)
