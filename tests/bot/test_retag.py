"""The job that keeps tags true."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import retag as job
from bot.retag import PAUSE, Retagger, anybody_to_look_at
from records.database import Database
from records.patient import Patient
from records.retag import RetagRequest, ask_retag, asked_for
from records.staff import Team
from tagging.tags import engine, rules
from tagging.tags.errors import TagError
from tagging.tags.facts import Facts
from tests.bot.stage import MORNING, ZONE


async def children(db: Database, count: int) -> list[int]:
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        tx.add(team)
        await tx.flush()
        patients = [
            Patient(team_id=team.id, record_number=f"R{n}", name="甲", birth_date=MORNING.date(), gestational_age_weeks=34)
            for n in range(count)
        ]
        tx.add_all(patients)
        await tx.flush()
        await ask_retag(tx, [each.id for each in patients], MORNING)
        return [each.id for each in patients]


async def tags(db: Database, ids: list[int]) -> list[list[str]]:
    async with db.transaction() as tx:
        return list(await tx.scalars(select(Patient.tags).where(Patient.id.in_(ids)).order_by(Patient.id)))


async def test_all_who_are_asked_for_are_looked_at_batch_by_batch(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "AT_ONCE", 2)
    ids = await children(db, 5)
    async with db.transaction() as tx:
        assert await anybody_to_look_at(tx, MORNING) and not await anybody_to_look_at(tx, MORNING - timedelta(hours=1))
    await Retagger(db, lambda: MORNING, ZONE).run("due")
    assert await tags(db, ids) == [["preterm"]] * 5
    async with db.transaction() as tx:
        assert not await anybody_to_look_at(tx, MORNING)


async def test_one_bad_record_stops_nobody_else_and_is_tried_again_later(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await children(db, 3)
    judge = engine.judge

    def broken(facts: Facts, *given: object, **more: object) -> object:
        if facts.patient_id == ids[1]:
            raise ZeroDivisionError
        return judge(facts, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "judge", broken)
    await Retagger(db, lambda: MORNING, ZONE).run("due")
    assert await tags(db, ids) == [["preterm"], [], ["preterm"]]
    async with db.transaction() as tx:
        assert await asked_for(tx, MORNING, 10) == {}
        assert (await tx.get_one(RetagRequest, ids[1])).asked_at == MORNING + PAUSE
    monkeypatch.setattr(engine, "judge", judge)
    await Retagger(db, lambda: MORNING + PAUSE, ZONE).run("due")
    assert await tags(db, ids) == [["preterm"]] * 3


async def test_a_mistake_in_the_rules_stops_the_start_with_one_sentence(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yml").write_text("rules: [{id: mine}]", "utf-8")
    monkeypatch.setattr(rules, "FOLDER", tmp_path)
    rules.shipped_rules.cache_clear()
    try:
        with pytest.raises(TagError, match=r"^own\.yml, mine: version Field required\.$"):
            Retagger(db, lambda: MORNING, ZONE)
    finally:
        rules.shipped_rules.cache_clear()
