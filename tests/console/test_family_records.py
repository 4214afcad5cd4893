"""What the hospital has released, what is prescribed, who looks at it, and consent: shown to this family, taken back for good."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from plans.finding import store
from plans.privacy import record
from records.chat import Chat
from records.consent import Consent
from records.content_read import ContentRead
from records.database import Database
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.patient import Carer, Patient, PatientCarer, access_patient
from records.staff import Staff
from tests.console.family_stage import FamilyStage, open_family
from tests.console.stage import ZONE
from tests.plans.content.conftest import article, make_centre

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def family(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


async def test_only_released_results_are_shown_word_for_word(family: FamilyStage) -> None:
    child, now = await family.child("小满"), family.now
    async with family.db.transaction() as tx:
        for id, item, released in (
            ("1", "白细胞", now - timedelta(days=1)),
            ("2", "血小板", None),
            ("3", "血糖", now + timedelta(hours=1)),
        ):
            tx.add(
                LabResult(
                    patient_id=child, source="lis", source_id=id, updated_at=now, report=f"血常规{id}{SCRIPT}", item=item, text="12.3",
                    unit="10^9/L", reference_range="4.0-10.0", flag="H", collected_at=now - timedelta(days=2), released_at=released,
                )
            )  # fmt: skip
    page = await (await family.signed_in()).text(f"/h5/{child}/results")
    assert "白细胞" in page and "12.3 10^9/L ↑" in page and "4.0-10.0" in page and "要医生结合孩子来看" in page
    assert "血小板" not in page and "血糖" not in page and SCRIPT not in page


async def test_medicines_stand_as_they_were_prescribed(family: FamilyStage) -> None:
    child = await family.child("小满")
    async with family.db.transaction() as tx:
        tx.add(
            MedicationRequest(
                patient_id=child, source="his", source_id="1", updated_at=family.now, name="维生素D滴剂", dose="400单位",
                frequency="每天1次", times=["09:00"],
            )
        )  # fmt: skip
    page = await (await family.signed_in()).text(f"/h5/{child}/medicines")
    assert "维生素D滴剂" in page and "400单位，每天1次" in page and "09:00" in page


async def test_trends_say_what_is_usual_at_this_age(family: FamilyStage) -> None:
    child = await family.child("小满")
    async with family.db.transaction() as tx:
        patient = await tx.get_one(Patient, child)
        for days, value in ((3, 36.8), (2, 37.0), (1, 38.4)):
            at = family.now - timedelta(days=days)
            await store(tx, patient, code="temperature", value=value, unit="Cel", text=f"{value}", at=at, now=at, message_id=None)
    page = await (await family.signed_in()).text(f"/h5/{child}/trends")
    assert "平常在36～37.5℃" in page and "要马上找医生看" in page and "<polyline" in page and "style=" not in page


async def test_the_family_is_shown_who_has_opened_the_record(family: FamilyStage) -> None:
    child = await family.child("小满")
    async with family.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        for _ in range(2):
            await access_patient(tx, nurse, child, now=family.now - timedelta(hours=3), why="portrait")
    page = await (await family.signed_in()).text(f"/h5/{child}/privacy")
    assert "随访中心，随访护士" in page and "看病情概况，当天2次" in page and "今天 07:00" in page
    assert "林悦" not in page and "母亲（就是您）" in page


async def test_looks_are_counted_by_the_day_of_the_hospital(family: FamilyStage) -> None:
    child, midnight = await family.child("小满"), family.now.astimezone(ZONE).replace(hour=0, minute=0, second=0)
    async with family.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        for minutes in (-30, 30, 8 * 60 + 30):
            await access_patient(tx, nurse, child, now=midnight + timedelta(minutes=minutes), why="portrait")
    page = await (await family.signed_in()).text(f"/h5/{child}/privacy")
    reads = re.findall(r"看病情概况([^<]*)</small></span><span>([^<]*)<", page)
    assert reads == [("，当天2次", "今天 08:30"), ("", "昨天 23:30")]


async def test_consent_is_taken_back_child_by_child_and_then_the_pages_are_shut(family: FamilyStage) -> None:
    small, big = await family.child("小满"), await family.child("乐乐")
    async with family.db.transaction() as tx:
        patient, carer = await tx.get_one(Patient, small), await tx.get_one(Carer, await family.carer("赵敏"))
        record(tx, patient, carer=carer, external_userid="wm", answer="given", relationship="母亲", now=family.now)
    phone = await family.signed_in()
    assert "以母亲的身份同意" in await phone.text(f"/h5/{small}/privacy")
    unsure = await phone.send(f"/h5/{small}/withdraw")
    assert unsure.headers["Location"] == f"/h5/{small}/withdraw"
    first = await phone.send(f"/h5/{small}/withdraw", sure="yes")
    assert "已经撤回您的同意" in await first.text()
    assert (await phone.get(f"/h5/{small}/today")).status == 404 and "乐乐" in await phone.text("/h5/today")
    second = await phone.send(f"/h5/{big}/withdraw", sure="yes")
    assert second.status == 200 and (await phone.get("/h5/today")).status == 401
    assert [row.answer for row in await family.rows(Consent)] == ["given", "withdrawn", "withdrawn"]
    async with family.db.transaction() as tx:
        assert list(await tx.scalars(select(PatientCarer).where(PatientCarer.carer_id == carer.id))) == []
    assert {flag.category for flag in await family.flags()} == {"consent_withdrawn"}


async def test_an_article_that_is_opened_counts_as_a_reading(db: Database) -> None:
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        await centre.published(article())
    async with open_family(db) as family:
        phone, child = await family.signed_in(), await family.child("小满")
        for _ in range(2):
            answer = await phone.get(f"/h5/{child}/learn/line-care")
            assert answer.status == 303 and answer.headers["Location"].startswith("/h5/content/")
        assert "置管在家怎么护" in await phone.text(answer.headers["Location"])
        [read] = await family.rows(ContentRead)
        assert (read.article, read.how, read.patient_id) == ("line-care", "page", child)
        async with db.transaction() as tx:
            assert (await tx.get_one(Chat, read.chat_id)).carer_id == await family.carer("赵敏")
        assert "置管在家怎么护" in await phone.text(f"/h5/{child}/learn")
        assert (await phone.get(f"/h5/{child}/learn/nothing")).status == 404
