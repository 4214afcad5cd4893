"""A family has identity data corrected: asked on its pages, decided by its team, told in the chat and on the pages."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from plans.correction import FIELDS, CorrectionError, file_correction, read_wanted
from records.chat import Chat
from records.correction import Correction
from records.database import Database
from records.errand import Errand
from records.message import Outbound
from records.patient import Carer, Patient, PatientCarer
from records.said import say, stamp
from records.state import StateChange
from tests.console.family_stage import FamilyStage, open_family
from tests.console.stage import NOW, Stage

TODAY = date(2026, 3, 1)


@pytest.fixture
async def family(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


async def test_a_mother_asks_once_for_each_and_sees_that_it_waits(family: FamilyStage) -> None:
    child, phone = await family.child("小满"), await family.signed_in()
    page = await phone.text(f"/h5/{child}/correct")
    assert "小满" in page and "2026-01-01" in page and "母亲" in page and "没有登记" in page
    answer = await phone.send(f"/h5/{child}/correct", field="birth_date", wanted="2026-01-02", said="出生证明")
    assert "护士核对以后" in await phone.follow(answer)
    again = await phone.send(f"/h5/{child}/correct", field="birth_date", wanted="2026-01-03", said="")
    assert again.status == 422 and "已经申请过了" in await again.text()
    for field, wanted, why in (
        ("name", "小满", "不用改"),
        ("name", "<b>", "不要写标点"),
        ("sex", "?", "“男”或“女”"),
        ("birth_date", "明天", "2026-03-01"),
        ("phone", "12", "11位手机号"),
        ("nothing", "x", "请选一项"),
    ):
        refused = await phone.send(f"/h5/{child}/correct", field=field, wanted=wanted, said="")
        assert refused.status == 422 and why in await refused.text(), field
    [row] = await family.rows(Correction)
    assert (row.field, row.was, row.wanted, row.said, row.state) == ("birth_date", "2026-01-01", "2026-01-02", "出生证明", "open")
    [errand] = await family.rows(Errand)
    assert errand.text == "家属申请更正：孩子的出生日期" and errand.patient_id == child
    assert "等护士核对" in await phone.text(f"/h5/{child}/correct")
    assert f"/h5/{child}/correct" in await phone.text(f"/h5/{child}/privacy")
    # Another family sees and asks nothing.
    other = await family.signed_in("钱建国")
    assert (await other.get(f"/h5/{child}/correct")).status == 404


async def asked(stage: Stage, field: str, wanted: str, number: str = "D0001") -> int:
    """The family of this child asks; the request's number."""
    async with stage.db.transaction() as tx:
        child = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        carer = await tx.scalar(select(Carer).where(Carer.external_userid == f"wm{number}"))
        if carer is None:
            carer = Carer(name="赵敏", external_userid=f"wm{number}", phone="13800000001")
            tx.add(carer)
            await tx.flush()
            tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="母亲"))
            tx.add(Chat(open_kfid="wk1", external_userid=f"wm{number}", carer_id=carer.id, team_id=child.team_id, opened_at=NOW))
            child.phones = ["13800000001", "01055550101"]
            await tx.flush()
        return (await file_correction(tx, child, carer, field=field, wanted=wanted, said="证件上是", now=NOW, today=TODAY)).id


async def on_file(stage: Stage, number: str = "D0001") -> dict[str, Any]:
    async with stage.db.transaction() as tx:
        child = (await tx.scalars(select(Patient).where(Patient.record_number == number))).one()
        speaks = select(PatientCarer, Carer).join(Carer, Carer.id == PatientCarer.carer_id)
        link, carer = (await tx.execute(speaks.where(PatientCarer.patient_id == child.id))).one()
        return {
            "name": child.name, "sex": child.sex, "birth_date": child.birth_date.isoformat(), "phone": carer.phone, "phones": child.phones,
            "relationship": link.relationship,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("name", "朵拉"),
        ("sex", "M"),
        ("birth_date", "2025-08-11"),
        ("phone", "13900000002"),
        ("relationship", "祖母"),
        ("other", "住址是城东"),
    ],
)
async def test_what_is_granted_is_changed_and_nothing_else(stage: Stage, field: str, wanted: str) -> None:
    number, nurse = await asked(stage, field, wanted), await stage.client("linyue")
    before = await on_file(stage)
    page = await nurse.text("/corrections")
    assert "朵朵" in page and "赵敏（母亲）" in page and "证件上是" in page
    answer = await nurse.post(f"/corrections/{number}/apply", answer="谢谢提醒")
    assert "已更正，并告诉了家属" in await nurse.text(answer.headers["Location"].removeprefix("/console"))
    changed = {name for name, value in (await on_file(stage)).items() if value != before[name]}
    assert changed == ({"phone", "phones"} if field == "phone" else {field} - {"other"})
    async with stage.db.transaction() as tx:
        row = await tx.get_one(Correction, number)
        assert (row.state, row.answer) == ("applied", "谢谢提醒")
        [told] = (await tx.scalars(select(Outbound).where(Outbound.key == f"correction:{number}:told"))).all()
        assert "已经改好了。谢谢提醒。" in told.payload["text"]["content"] and wanted not in told.payload["text"]["content"]
        assert (await tx.scalars(select(Errand.state))).all() == ["done"]
        change = (await tx.scalars(select(StateChange).where(StateChange.new == "corrected"))).one()
        assert (change.by, change.detail) == ("linyue", {"fields": [field]})
    assert "wrong=not_open" in (await nurse.post(f"/corrections/{number}/apply")).headers["Location"]


async def test_what_is_refused_stays_and_the_family_is_told_why(stage: Stage) -> None:
    number, nurse = await asked(stage, "name", "朵拉"), await stage.client("linyue")
    assert "wrong=incomplete" in (await nurse.post(f"/corrections/{number}/refuse")).headers["Location"]
    await nurse.post(f"/corrections/{number}/refuse", answer="要先在户籍上改")
    assert (await on_file(stage))["name"] == "朵朵" and "要先在户籍上改" in await nurse.text("/corrections")
    async with stage.db.transaction() as tx:
        told = (await tx.scalars(select(Outbound.payload).where(Outbound.key == f"correction:{number}:told"))).one()
    assert "没有改：要先在户籍上改。" in told["text"]["content"]


async def test_another_team_decides_nothing(stage: Stage) -> None:
    number, qin = await asked(stage, "name", "朵拉"), await stage.client("qinlan")
    assert "朵朵" not in await qin.text("/corrections")
    assert (await qin.post(f"/corrections/{number}/apply")).status == 404
    assert (await on_file(stage))["name"] == "朵朵"


async def test_a_later_message_of_the_hospital_stands_over_what_was_corrected_by_hand(stage: Stage) -> None:
    number, nurse = await asked(stage, "name", "朵拉"), await stage.client("linyue")
    await nurse.post(f"/corrections/{number}/apply")
    for at, name in ((NOW - timedelta(days=1), "朵拉"), (NOW + timedelta(days=1), "朵朵")):
        async with stage.db.transaction() as tx:
            child = (await tx.scalars(select(Patient).where(Patient.record_number == "D0001"))).one()
            say(child, stamp(at, "his1"), {"name": "朵朵", "sex": None, "birth_date": None, "phones": None})
        assert (await on_file(stage))["name"] == name


@given(st.sampled_from(FIELDS), st.text(max_size=40))
def test_whatever_is_wanted_is_kept_whole_or_refused_by_name(field: str, wanted: str) -> None:
    try:
        kept = read_wanted(field, wanted, TODAY)
    except CorrectionError as err:
        assert err.code == field
    else:
        assert kept and read_wanted(field, kept, TODAY) == kept
