"""The yearly audit of minors' data: a small hospital of which every number is known beforehand."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
from sqlalchemy.ext.asyncio import AsyncSession

from bot.minors_audit import as_workbook, named
from plans.minors_audit import Line, minors_audit, words, year_of
from records.database import Database
from records.schema import (
    AccessRefusal,
    AuditCheck,
    Carer,
    Consent,
    Correction,
    Erasure,
    Observation,
    Patient,
    PatientCarer,
    ReadAudit,
    RetentionRun,
    Role,
    Staff,
    StaffRole,
    StateChange,
    Team,
)

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
LAST_YEAR = datetime(2025, 12, 31, 15, 59, tzinfo=UTC)  # a minute before midnight in the hospital


async def plant(tx: AsyncSession) -> None:
    team, nurse, lead = Team(name="随访中心"), Staff(userid="lin", name="林悦", title=""), Staff(userid="he", name="何敏", title="")
    role, carer = Role(code="lead_x", name="组长", rights=[]), Carer(name="赵敏", external_userid="wm1")
    tx.add_all([team, nurse, lead, role, carer])
    await tx.flush()
    tx.add(StaffRole(staff_id=lead.id, role_id=role.id))
    # Not yet 18 tomorrow, 18 today, a baby, and one whose mother is bound without consent.
    births = {"almost": date(2008, 3, 3), "adult": date(2008, 3, 2), "baby": date(2025, 8, 1), "silent": date(2020, 1, 1)}
    children = {name: Patient(team_id=team.id, record_number=name, name=name, sex="F", birth_date=born) for name, born in births.items()}
    tx.add_all(children.values())
    await tx.flush()
    for name in ("baby", "silent"):
        tx.add(PatientCarer(patient_id=children[name].id, carer_id=carer.id, relationship="母亲"))

    def answered(name: str, answer: str, at: datetime) -> Consent:
        told = {"external_userid": "wm1", "text_version": "1", "relationship": "母亲", "by": "family", "carer_id": carer.id}
        return Consent(patient_id=children[name].id, answer=answer, at=at, **told)

    tx.add_all([answered("silent", "given", LAST_YEAR), answered("silent", "withdrawn", NOW), answered("baby", "given", NOW)])
    for name, staff, why in (
        ("baby", nurse.id, "portrait"), ("baby", lead.id, "clinical_note:7"), ("baby", lead.id, "portrait"),
        ("adult", nurse.id, "portrait"),
    ):  # fmt: skip
        tx.add(ReadAudit(patient_id=children[name].id, staff_id=staff, at=NOW, why=why))
    tx.add(ReadAudit(patient_id=children["baby"].id, staff_id=nurse.id, at=LAST_YEAR, why="portrait"))
    tx.add(ReadAudit(patient_id=children["baby"].id, client_id=1, at=NOW, why="search"))
    for what in (f"patient {children['baby'].id}", f"patient {children['adult'].id}", "staff.manage"):
        tx.add(AccessRefusal(staff_id=nurse.id, at=NOW, method="GET", path="/", why="access_refused", what=what))
    for value in (3.5, 3.6):
        tx.add(Observation(patient_id=children["baby"].id, code="weight", value=value, unit="kg", effective_at=NOW, recorded_at=NOW))
    tx.add(StateChange(entity="patient", entity_id=children["baby"].id, old="kept", new="exported", at=NOW, by="he", reason="-"))
    asked: dict[str, Any] = {"team_id": team.id, "relationship": "母亲", "why": "-", "checked": "-", "filed_by": nurse.id}
    tx.add(Erasure(patient_id=901, filed_at=NOW - timedelta(days=4), state="done", decided_at=NOW, **asked))
    tx.add(Erasure(patient_id=902, filed_at=NOW - timedelta(days=2), state="refused", decided_at=NOW, **asked))
    tx.add(Erasure(patient_id=903, filed_at=NOW - timedelta(days=16), **asked))
    wish = {"patient_id": children["baby"].id, "carer_id": carer.id, "was": "", "wanted": "x", "said": ""}
    tx.add(Correction(field="name", filed_at=NOW - timedelta(days=3), state="applied", decided_at=NOW, **wish))
    tx.add(Correction(field="sex", filed_at=NOW - timedelta(days=20), **wish))
    tx.add(RetentionRun(at=NOW, ended_at=NOW, counts={"links": {"family_link": 3}}))
    tx.add(AuditCheck(at=NOW, seals=4, rows=10, head="4:ab", found=2, problems=[]))


async def report(db: Database, year: int) -> list[Line]:
    async with db.transaction() as tx:
        await plant(tx)
    async with db.transaction() as tx:
        return named(await minors_audit(tx, year_of(year, ZONE), now=NOW))


def told(lines: list[Line]) -> dict[tuple[str, str], tuple[float | None, str]]:
    known = {name: code for code, name in words()["sections"].items()}
    return {(known[each.section], each.item): (each.value, each.note) for each in lines}


async def test_every_number_is_as_it_was_planted(db: Database) -> None:
    lines = await report(db, 2026)
    found = told(lines)
    items, kinds = words()["items"], words()["kinds"]

    def number(section: str, item: str) -> float | None:
        return found[(section, items[item]["name"])][0]

    assert [number("children", each) for each in ("on_file", "under_14", "carers")] == [3, 2, 1]
    assert found[("kinds", kinds["vitals"]["name"])] == (1, "2条") and found[("kinds", kinds["results"]["name"])] == (0, "0条")
    assert [number("consents", each) for each in ("given", "refused", "withdrawn", "in_force")] == [1, 0, 1, 1]
    counts = {each: {item: value for (section, item), (value, _) in found.items() if section == each} for each in ("reads", "purposes")}
    assert counts["reads"] == {"组长": 2, "团队成员": 1, "院内系统（程序）": 1}
    assert counts["purposes"] == {"画像": 2, "clinical_note": 1, "查找患儿": 1}
    assert number("refusals", "refusals") == 1
    requests = ("exported", "erasures_filed", "erasures_done", "erasures_refused", "erasures_days", "erasures_longest")
    assert [number("requests", each) for each in requests] == [1, 3, 1, 1, 3, 4]
    corrections = ("corrections_filed", "corrections_applied", "corrections_refused", "corrections_days", "corrections_longest")
    assert [number("requests", each) for each in corrections] == [2, 1, 0, 3, 3]
    assert found[("retention", "家属页面的一次性链接、接口的访问令牌")] == (3, "")
    assert [number("chain", each) for each in ("seals", "checks", "found", "removed")] == [0, 1, 2, 0]
    points = ("no_consent", "late_erasures", "late_corrections", "tampered", "no_runs")
    assert [number("open", each) for each in points] == [1, 1, 1, 2, 2]
    assert {each.item for each in lines if each.wrong} == {items[each]["name"] for each in points}


async def test_another_year_counts_what_was_then(db: Database) -> None:
    found = told(await report(db, 2025))
    items = words()["items"]
    assert found[("consents", items["given"]["name"])][0] == 1 and found[("consents", items["withdrawn"]["name"])][0] == 0
    # Whoever was a minor at the end of that year.
    assert found[("children", items["on_file"]["name"])][0] == 4
    assert found[("reads", "团队成员")][0] == 1 and found[("requests", items["erasures_days"]["name"])][0] is None


def test_the_file_holds_numbers_as_numbers_and_no_formula() -> None:
    period = year_of(2026, ZONE)
    lines = [Line("一", "=1+1", 3.0, "人"), Line("一", "平均", None, "天", "说明")]
    book = openpyxl.load_workbook(io.BytesIO(as_workbook(lines, period, NOW)))
    rows = [[cell.value for cell in row] for row in book.worksheets[0].rows]
    assert rows == [words()["heads"], ["一", "=1+1", 3, "人", None], ["一", "平均", "—", "天", "说明"]] or rows[1][4] == ""
    assert book.worksheets[0].cell(2, 2).data_type == "s"
    assert any("第三十七条" in str(cell.value) for row in book.worksheets[1].rows for cell in row)
