"""Tags that clinical notes give and take: as long as a note says so."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from records.clinical_note import ClinicalNote
from records.database import Database
from records.tag import PatientTag, Tag, TagEvidence
from records.tag_statement import TagStatement
from tagging.tags import read_notes as reading
from tagging.tags.by_hand import say
from tagging.tags.engine import retag
from tests.tagging.tags.conftest import NOW, ZONE, Ward, changes, days, held

NOTE = "出院诊断：1.川崎病 2.支气管哮喘？\n家族史：父亲有糖尿病。\n诊疗经过：脑电图正常，排除癫痫。"


def note(patient_id: int, text: str, *, at: datetime = NOW, key: str = "n1", **given: Any) -> ClinicalNote:
    said = {"kind": "出院小结", "title": "出院小结", "status": "final", "report": False, "said_at": {}}
    return ClinicalNote(patient_id=patient_id, source="emr", source_id=key, updated_at=NOW, text=text, written_at=at, **{**said, **given})


async def look(db: Database, patient_id: int, *, after: float = 0) -> None:
    async with db.transaction() as tx:
        await retag(tx, [patient_id], now=NOW + days(after), zone=ZONE)


async def test_a_note_gives_a_tag_and_says_why(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(note(ward.xiaoman, NOTE))
    for _ in range(2):
        await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert (await held(tx, ward.xiaoman))["kawasaki"] == "active" and not {"asthma", "diabetes"} & set(await held(tx, ward.xiaoman))
        evidence = (await tx.scalars(select(TagEvidence).where(TagEvidence.ref_kind == "clinical_note"))).one()
        assert (evidence.source, evidence.because) == ("his", "出院小结（2026-03-01）出院诊断：「1.川崎病」")
        said = await tx.execute(select(TagStatement.code, TagStatement.against, TagStatement.possible))
        assert {tuple(row) for row in said} == {("kawasaki", False, False), ("asthma", False, True), ("epilepsy", True, False)}


async def test_a_corrected_note_takes_back_what_it_no_longer_says(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(note(ward.xiaoman, NOTE))
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        corrected = {"text": "出院诊断：支气管哮喘", "status": "amended", "read_by": None}
        await tx.execute(update(ClinicalNote).values(corrected))
    await look(db, ward.xiaoman, after=1)
    async with db.transaction() as tx:
        tags = await held(tx, ward.xiaoman)
        assert tags["asthma"] == "active" and "kawasaki" not in tags
        assert [each for each in await changes(tx, ward.xiaoman) if each[0] == "kawasaki"] == [("kawasaki", True), ("kawasaki", False)]


async def test_a_withdrawn_note_says_nothing_but_a_second_one_holds_the_tag(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add_all([note(ward.xiaoman, NOTE), note(ward.xiaoman, "诊断：川崎病恢复期", key="n2", at=NOW - days(3))])
    await look(db, ward.xiaoman)
    for key, carried in (("n1", True), ("n2", False)):
        async with db.transaction() as tx:
            withdrawn = update(ClinicalNote).where(ClinicalNote.source_id == key).values(status="entered-in-error", read_by=None)
            await tx.execute(withdrawn)
        await look(db, ward.xiaoman, after=1)
        async with db.transaction() as tx:
            assert ("kawasaki" in await held(tx, ward.xiaoman)) is carried


async def test_a_draft_is_not_read_until_it_is_signed(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(note(ward.xiaoman, NOTE, status="preliminary"))
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert "kawasaki" not in await held(tx, ward.xiaoman)
        await tx.execute(update(ClinicalNote).values(status="final", read_by=None))
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        assert "kawasaki" in await held(tx, ward.xiaoman)


async def test_a_clinicians_no_stands_and_a_new_note_asks(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(note(ward.xiaoman, NOTE))
    await look(db, ward.xiaoman)
    async with db.transaction() as tx:
        await say(tx, ward.lin, ward.xiaoman, "kawasaki", "refused", why="误诊", now=NOW)
    await look(db, ward.xiaoman, after=1)
    async with db.transaction() as tx:
        assert await _asks(tx, "kawasaki") == ("refused", False)
        tx.add(note(ward.xiaoman, "诊断：川崎病", key="n2", at=NOW + days(2)))
    await look(db, ward.xiaoman, after=2)
    async with db.transaction() as tx:
        assert await _asks(tx, "kawasaki") == ("refused", True)


async def test_a_note_is_read_again_by_a_newer_reader(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(note(ward.xiaoman, NOTE, read_by="an older one"))
        assert await reading.read_notes(tx, [ward.xiaoman], now=NOW, zone=ZONE) == 1
        assert await reading.read_notes(tx, [ward.xiaoman], now=NOW, zone=ZONE) == 0


async def _asks(tx: Any, code: str) -> tuple[str, bool]:
    row = (await tx.execute(select(PatientTag.state, PatientTag.asks).join(Tag).where(Tag.code == code, PatientTag.until.is_(None)))).one()
    return row[0], row[1]
