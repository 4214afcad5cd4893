"""The synthetic hospital: the same seed makes the same one, it agrees with itself, and it keeps off what is real."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from bot.synthetic import plant
from bot.synthetic.hospital import chances, hospital
from bot.synthetic.plant import Planting, SeedRefused, plant_hospital
from records.database import Database
from records.patient_index import refresh_index
from records.schema import Observation, Patient, PatientIndex, PatientNews, PatientTag, PatientValue, Setting, Staff, Tag, TagEvidence, Team
from tagging.cohort.preview import count
from tagging.cohort.readings import refresh_values
from tagging.cohort.scope import scope_of_staff
from tagging.prediction.outcome import NON_RESPONSE
from tagging.prediction.versions import learn
from tagging.tags.catalogue import tags

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def planting(patients: int = 150, *, seed: int = 7) -> Planting:
    return Planting(patients, 365, seed, NOW, ZONE)


async def rows(db: Database, table: Any) -> list[tuple[Any, ...]]:
    async with db.transaction() as tx:
        columns = [column for column in table.__table__.c if column.name != "changed_at"]
        return sorted((tuple(row) for row in await tx.execute(select(*columns))), key=str)


async def test_the_same_seed_makes_the_same_hospital_and_another_another(db: Database) -> None:
    await plant_hospital(db, planting())
    first = [await rows(db, table) for table in (Patient, PatientTag, Observation, PatientIndex)]
    await plant_hospital(db, planting())
    assert [await rows(db, table) for table in (Patient, PatientTag, Observation, PatientIndex)] == first
    await plant_hospital(db, planting(seed=8))
    assert await rows(db, Patient) != first[0]


async def test_everybody_says_that_he_is_synthetic(db: Database) -> None:
    await plant_hospital(db, planting())
    async with db.transaction() as tx:
        names = (await tx.execute(select(Patient.name, Patient.record_number))).all()
        people = (await tx.scalars(select(Staff.name))).all()
        marked = await tx.get_one(Setting, "synthetic")
        reasons = (await tx.scalars(select(TagEvidence.because).distinct())).all()
    assert len(names) == 150
    assert all(name.endswith("（合成）") and number.startswith("SYN-") for name, number in names)
    assert all("合成" in name for name in people) and all("合成" in reason for reason in reasons)
    assert "none of them real" in marked.value["note"]


async def test_it_looks_like_a_hospital(db: Database) -> None:
    await plant_hospital(db, planting(600))
    async with db.transaction() as tx:
        mean = await tx.scalar(select(func.avg(func.cardinality(PatientIndex.tags))))
        assert 17 < float(mean or 0) < 23
        assert await tx.scalar(select(func.count()).select_from(Team)) == len(hospital()["departments"])
        ages = [NOW.date() - born for born in await tx.scalars(select(Patient.birth_date))]
        assert min(ages) >= timedelta(days=1) and max(ages) > timedelta(days=3650)
        weights = await tx.scalars(select(Observation.value).where(Observation.code == "weight"))
        assert all(1.5 < value < 110 for value in weights if value is not None)
        assert await tx.scalar(select(func.max(Observation.effective_at))) <= NOW
        evidence, carried = [await tx.scalar(select(func.count()).select_from(table)) for table in (TagEvidence, PatientTag)]
        assert evidence == carried
        # Of an exclusive group nobody carries two.
        twice = (
            select(PatientTag.patient_id)
            .join(Tag, Tag.id == PatientTag.tag_id)
            .where(Tag.exclusive_group.is_not(None))
            .group_by(PatientTag.patient_id, Tag.exclusive_group)
            .having(func.count() > 1)
        )
        assert (await tx.scalars(twice)).all() == []


async def test_what_cohorts_see_is_what_the_record_says(db: Database) -> None:
    await plant_hospital(db, planting())
    before = [await rows(db, table) for table in (PatientIndex, PatientValue)]
    async with db.transaction() as tx:
        everybody = list(await tx.scalars(select(Patient.id)))
        await refresh_index(tx, everybody, now=NOW, zone=ZONE)
        await refresh_values(tx, everybody, zone=ZONE)
    assert [await rows(db, table) for table in (PatientIndex, PatientValue)] == before
    assert await rows(db, PatientNews) == []
    async with db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "syn-01-3"))).one()
        scope = await scope_of_staff(tx, nurse, now=NOW, zone=ZONE)
        of_team = await count(tx, scope.read("性别 男 或 性别 女"), scope)
        born = (await tx.scalars(select(PatientIndex.birth_date).where(PatientIndex.team_id.in_(scope.teams or ())))).all()
    assert 0 < of_team == len(born)
    # The first department is the newborns'.
    assert min(born) > date(2025, 6, 1)


async def test_families_have_habits_that_a_model_can_learn(db: Database) -> None:
    await plant_hospital(db, planting(1500))
    async with db.transaction() as tx:
        predictor = await learn(tx, NON_RESPONSE, by="test", synthetic=True, now=NOW)
    assert predictor.figures["auc_low"] > 0.55 and predictor.figures["samples"] > 2000


async def test_in_bulk_every_index_and_trigger_is_there_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plant, "BULK", 1)
    monkeypatch.setattr(plant, "CHUNK", 40)
    indexes = text("select indexdef from pg_indexes where schemaname = 'public' order by 1")
    async with db.transaction() as tx:
        before = (await tx.scalars(indexes)).all()
    await plant_hospital(db, planting(100))
    async with db.transaction() as tx:
        assert (await tx.scalars(indexes)).all() == before
        assert await tx.scalar(text("select count(*) from pg_class where reloptions::text like '%autovacuum_enabled%'")) == 0
        assert await tx.scalar(select(func.count()).select_from(PatientIndex)) == 100
        team = (await tx.scalars(select(Team.id).limit(1))).one()
        # The next number is free, and news are told again.
        tx.add(Patient(team_id=team, record_number="SYN-X", name="x", birth_date=date(2026, 1, 1)))
        await tx.flush()
        assert (await tx.scalars(select(PatientNews.fact))).all() == ["patient"]


async def test_a_broken_start_is_mended_by_the_next(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plant, "BULK", 1)
    with pytest.raises(RuntimeError):
        await plant_hospital(db, planting(50), _breaks_off)
    await plant_hospital(db, planting(50))
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(PatientIndex)) == 50
        assert await tx.scalar(text("select count(*) from pg_indexes where indexname = 'ix_patient_index_tags'")) == 1


def _breaks_off(step: str, share: float) -> None:
    if step == "task":
        raise RuntimeError


@pytest.mark.parametrize("real", ["patient", "staff"])
async def test_a_database_with_anything_real_is_refused_and_left_alone(db: Database, real: str) -> None:
    async with db.transaction() as tx:
        team = Team(name="新生儿科随访组")
        tx.add(team)
        await tx.flush()
        if real == "patient":
            tx.add(Patient(team_id=team.id, record_number="N1", name="安安", birth_date=date(2026, 1, 1)))
            # Even a mark does not make a real patient synthetic.
            tx.add(Setting(name="synthetic", value={}))
    with pytest.raises(SeedRefused, match="nothing was changed"):
        await plant_hospital(db, planting())
    async with db.transaction() as tx:
        assert (await tx.scalars(select(Team.name))).all() == ["新生儿科随访组"]


@pytest.mark.parametrize("wrong", [Planting(0, 365, 1, NOW, ZONE), Planting(10, 0, 1, NOW, ZONE), Planting(10**8, 365, 1, NOW, ZONE)])
async def test_an_absurd_size_is_refused(db: Database, wrong: Planting) -> None:
    with pytest.raises(SeedRefused):
        await plant_hospital(db, wrong)


async def test_every_department_comes_to_about_as_many_tags(db: Database) -> None:
    async with db.transaction() as tx:
        library = await tags(tx, NOW)
    for department in hospital()["departments"]:
        assert set(department["tags"]) <= set(library), department["name"]
        drawn = chances(department, library)
        assert 18 < sum(each.high - each.low for each in drawn) < 22
        assert all(0 <= each.low < each.high <= 1 for each in drawn)
        assert len({each.tag_id for each in drawn}) == len(drawn) < 1024
