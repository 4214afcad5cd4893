"""Results, medicines, visits, vaccines: as written, once, and as corrected last."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.apply import apply
from integrations.event import Booked, Coded, Diagnosed, Ordered, Vaccinated
from records.feed import Feed
from records.lab_result import released
from records.observation import history
from records.schema import Appointment, Condition, Immunization, LabResult, MedicationRequest, Observation, RetagRequest, StateChange
from tests.bot.apply.conftest import BORN, NOON, RECEIVED, XIAOMAN, ZONE, Hospital, at, message, observed, upsert


async def test_a_laboratory_result_is_kept_as_written(hospital: Hospital) -> None:
    report = Coded("BC", "血常规")
    await hospital.says(
        upsert(),
        observed("白细胞", "5.10", unit="10^9/L", reference_range="4.0-10.0", flag="N", report=report),
        observed("C反应蛋白", "<0.5", unit="mg/L", report=report),
        observed("病原", "阴性", "待复查", report=report),
    )
    rows = {row.item: row for row in await hospital.rows(LabResult)}
    white = rows["白细胞"]
    assert (white.text, white.value, white.unit, white.report, white.status) == ("5.10", 5.1, "10^9/L", "血常规", "final")
    assert (rows["C反应蛋白"].text, rows["C反应蛋白"].value) == ("<0.5", None)
    assert rows["病原"].text == "阴性~待复查"
    assert (await hospital.tx.scalars(select(RetagRequest.patient_id))).all() == [white.patient_id]


async def test_a_result_is_read_however_it_is_written(hospital: Hospital) -> None:
    await hospital.says(
        upsert(),
        observed("血小板(PLT)", "１，２３４．５", unit="10^9/L"),
        replace(observed("第3项", "150", unit="10^9/L"), code=Coded("X03", "第3项", "99LIS")),
        observed("葡萄糖", "90", unit="mg/dL"),
        observed("钾", "4.1↑", unit="mmol/L"),
        observed("体温", "98.6", unit="[degF]", key="t"),
        observed("身高", "20", unit="in", key="h"),
    )
    rows = {row.item: row for row in await hospital.rows(LabResult)}
    assert (rows["血小板(PLT)"].code, rows["血小板(PLT)"].value) == ("777-3", 1234.5)
    assert rows["第3项"].code == "777-3", "the feed's settings say what X03 is"
    assert rows["葡萄糖"].code is None, "15074-8 is glucose in mmol/L"
    assert (rows["钾"].code, rows["钾"].value, rows["钾"].text) == ("2823-3", 4.1, "4.1↑")
    vitals = {row.code: (row.value, row.unit) for row in await hospital.rows(Observation)}
    assert vitals == {"temperature": (37.0, "Cel"), "height": (50.8, "cm")}


async def test_a_diagnosis_in_words_is_coded_where_they_are_sure(hospital: Hospital) -> None:
    said = {"急淋（中危）化疗后": "C91.0", "川崎病待排": None, "没见过的病": None, "否认哮喘": None, "无": None}
    await hospital.says(upsert(), *(Diagnosed(person=XIAOMAN, key=text, code=Coded(None, text)) for text in said))
    rows = {row.text: row for row in await hospital.rows(Condition)}
    assert {text: row.icd10 for text, row in rows.items()} == said
    assert {text for text, row in rows.items() if row.status == "inactive"} == {"否认哮喘", "无"}


@pytest.mark.parametrize("text", ["川崎病？", "川崎病待排", "排除川崎病", "母亲川崎病史"])
async def test_a_doubtful_diagnosis_is_not_coded_though_the_hospital_coded_it(hospital: Hospital, text: str) -> None:
    await hospital.says(upsert(), Diagnosed(person=XIAOMAN, key="1", code=Coded("M30.3", text, "ICD-10")))
    (row,) = await hospital.rows(Condition)
    assert (row.code, row.icd10, row.text) == ("M30.3", None, text)


async def test_a_diagnosis_that_becomes_doubtful_loses_its_code_and_gets_it_back(hospital: Hospital) -> None:
    said = (("川崎病", "M30.3"), ("川崎病？", None), ("川崎病", "M30.3"))
    for minutes, (text, icd10) in enumerate(said):
        await hospital.says(upsert(), Diagnosed(person=XIAOMAN, key="1", code=Coded("M30.3", text, "ICD-10")), minutes=minutes)
        (row,) = await hospital.rows(Condition)
        assert row.icd10 == icd10


async def test_a_code_of_the_clinical_edition_is_kept_beside_the_one_of_who(hospital: Hospital) -> None:
    await hospital.says(upsert(), Diagnosed(person=XIAOMAN, key="1", code=Coded("J18.900x001", "支气管肺炎", "ICD-10")))
    (row,) = await hospital.rows(Condition)
    assert (row.code, row.icd10) == ("J18.900x001", "J18.9")


async def test_what_is_not_released_is_shown_to_nobody(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("白细胞", "5.1", released_at=None), observed("血红蛋白", "120"))
    patient = await hospital.patient()
    shown = await released(hospital.tx, patient.id, at(600), since=at(-600))
    assert [row.item for row in shown] == ["血红蛋白"]


@pytest.mark.parametrize("status", ["D", "W"])
async def test_a_result_that_is_taken_back_is_an_error_and_shown_no_more(hospital: Hospital, status: str) -> None:
    await hospital.says(upsert(), observed("白细胞", "5.1"))
    await hospital.tx.execute(RetagRequest.__table__.delete())
    await hospital.says(observed("白细胞", status=status))
    (row,) = await hospital.rows(LabResult)
    assert (row.status, row.text, row.released_at) == ("entered-in-error", "5.1", None)
    change = (await hospital.tx.scalars(select(StateChange).where(StateChange.entity == "lab_result"))).one()
    assert (change.old, change.new, change.by) == ("final", "entered-in-error", "feed:his")
    assert (await hospital.tx.scalars(select(RetagRequest.patient_id))).all() == [row.patient_id]


async def test_a_correction_counts_and_the_old_value_coming_late_does_not(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("白细胞", "51", status="C"), minutes=9)
    await hospital.says(observed("白细胞", "5.1", unit="10^9/L"), minutes=3)
    (row,) = await hospital.rows(LabResult)
    assert (row.text, row.value, row.unit) == ("51", 51, "10^9/L")


async def test_a_result_announced_without_a_value_comes_later(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("白细胞", status="I", released_at=None))
    (row,) = await hospital.rows(LabResult)
    assert (row.status, row.text) == ("registered", "")
    await hospital.says(observed("白细胞", "5.1"))
    (row,) = await hospital.rows(LabResult)
    assert (row.status, row.text, row.released_at) == ("final", "5.1", NOON)


@pytest.mark.parametrize(
    "name, code, value, unit, vital, expected",
    [
        ("体温", None, "38.5", "℃", "temperature", (38.5, "Cel")),
        ("Body temperature", "8310-5", "101.3", "[degF]", "temperature", (38.5, "Cel")),
        ("体重", None, "3400", "g", "weight", (3.4, "kg")),
        ("身高(cm)", None, "52", "cm", "height", (52, "cm")),
        ("SpO2", None, "97", "%", "spo2", (97, "%")),
    ],
)
async def test_a_vital_sign_is_an_observation_in_the_unit_of_the_rules(
    hospital: Hospital, name: str, code: str | None, value: str, unit: str, vital: str, expected: tuple[float, str]
) -> None:
    await hospital.says(upsert(), observed(name, value, unit=unit, code=code))
    (row,) = await hospital.rows(Observation)
    assert (row.code, row.status, row.value, row.unit, row.text) == (vital, "final", *expected, f"{value} {unit}")
    assert [each.value for each in await history(hospital.tx, row.patient_id, vital)] == [expected[0]]
    assert await hospital.rows(LabResult) == []


@pytest.mark.parametrize("value, unit", [("385", "℃"), ("三十八度五", "℃"), ("38.5", "mmHg"), ("38~39", "℃")])
async def test_an_impossible_value_is_kept_in_its_words(hospital: Hospital, value: str, unit: str) -> None:
    await hospital.says(upsert(), observed("体温", *value.split("~"), unit=unit))
    (row,) = await hospital.rows(Observation)
    assert (row.status, row.value, row.text) == ("unknown", None, f"{value} {unit}")
    await hospital.says(observed("体温", "38.5", unit="℃", status="C"))
    (row,) = await hospital.rows(Observation)
    assert (row.status, row.value) == ("final", 38.5)


async def test_a_vital_sign_of_the_wrong_patient_does_not_count(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("体温", "39.5", unit="℃"))
    await hospital.says(observed("体温", "39.5", unit="℃", status="W"))
    patient = await hospital.patient()
    assert await history(hospital.tx, patient.id, "temperature") == []


async def test_medicines_appointments_vaccines_and_diagnoses(hospital: Hospital) -> None:
    aspirin = Ordered(
        person=XIAOMAN, key="M1", kind="medicine", code=Coded("A1", "阿司匹林"), dose="0.1g", frequency="每日1次", starts_at=NOON
    )
    visit = Booked(person=XIAOMAN, key="B1", starts_at=at(60 * 24), department="心内科", doctor="王医生")
    vaccine = Vaccinated(person=XIAOMAN, key="I1", code=Coded("0101", "卡介苗"), lot="L1", dose_number=1)
    illness = Diagnosed(person=XIAOMAN, key="D1", code=Coded("M30.3", "川崎病", "ICD10"))
    await hospital.says(upsert(), aspirin, visit, vaccine, illness)
    await hospital.says(Ordered(person=XIAOMAN, key="T1", kind="test", code=Coded("T", "血常规")))
    medicine, appointment, dose, condition = [
        (await hospital.rows(table))[0] for table in (MedicationRequest, Appointment, Immunization, Condition)
    ]
    assert (medicine.name, medicine.dose, medicine.starts_on, medicine.status) == ("阿司匹林", "0.1g", BORN + timedelta(days=9), "active")
    assert (appointment.department, appointment.doctor, appointment.place, appointment.status) == ("心内科", "王医生", None, "booked")
    assert (dose.vaccine, dose.dose_number, dose.status, dose.given_at) == ("卡介苗", 1, "completed", at(1))
    assert (condition.icd10, condition.status) == ("M30.3", "active")
    await hospital.says(Booked(person=XIAOMAN, key="B1", starts_at=at(60 * 24), status="cancelled"))
    await hospital.says(Ordered(person=XIAOMAN, key="M1", kind="medicine", code=Coded("A1", "阿司匹林"), status="stopped"))
    await hospital.says(Diagnosed(person=XIAOMAN, key="D1", code=Coded("M30.3", "川崎病"), active=False))
    await hospital.says(Vaccinated(person=XIAOMAN, key="I1", code=Coded("0101", "卡介苗"), given=False))
    states = [(await hospital.rows(table))[0].status for table in (Appointment, MedicationRequest, Condition, Immunization)]
    assert states == ["cancelled", "stopped", "inactive", "not-done"]
    assert len(await hospital.rows(MedicationRequest)) == 1


async def test_what_postgresql_cannot_hold_and_what_nobody_writes_is_cut(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("描述", "a\0b" + "长" * 100_000))
    (row,) = await hospital.rows(LabResult)
    assert row.text.startswith("ab长") and len(row.text) < 5000


async def test_a_feed_may_release_what_is_final(hospital: Hospital) -> None:
    feed = await hospital.tx.scalar(select(Feed).where(Feed.name == "his"))
    assert feed is not None
    feed.settings = {**feed.settings, "releases": True}
    await hospital.tx.flush()
    await hospital.says(
        upsert(),
        observed("血红蛋白", "98", released_at=None),
        observed("血小板", "120", released_at=None, status="P"),
        observed("钾", "4.1", released_at=None, status="D"),
    )
    shown = {row.item: row.released_at is not None for row in await hospital.rows(LabResult)}
    assert shown == {"血红蛋白": True, "血小板": False, "钾": False}


async def test_a_clock_that_is_ahead_does_not_outlast_a_correction(hospital: Hospital) -> None:
    ahead, corrected = RECEIVED + timedelta(days=365), RECEIVED + timedelta(minutes=5)
    first = message(upsert(), observed("钾", "41"), id="1", minutes=0)
    later = message(observed("钾", "4.1", status="C"), id="2", minutes=0)
    for sent, came in ((replace(first, at=ahead), RECEIVED), (replace(later, at=corrected), corrected)):
        await apply(hospital.tx, sent, feed="his", received_at=came, now=came, zone=ZONE)
    assert [row.text for row in await hospital.rows(LabResult)] == ["4.1"]


@pytest.mark.parametrize("written", ["120/80", "120 / 80", "120／80", "120/80mmHg", "120/80(93)"])
async def test_both_blood_pressures_in_one_value_are_two_observations(hospital: Hospital, written: str) -> None:
    await hospital.says(upsert(), observed("无创血压", written, unit="mmHg"))
    rows = {row.code: (row.value, row.unit) for row in await hospital.rows(Observation)}
    assert rows == {"systolic_bp": (120.0, "mm[Hg]"), "diastolic_bp": (80.0, "mm[Hg]")}
    await hospital.says(observed("无创血压", status="W"))
    assert {row.status for row in await hospital.rows(Observation)} == {"entered-in-error"}


async def test_a_blood_pressure_that_is_not_two_numbers_is_kept_in_words(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("血压", "测不出"))
    assert [row.text for row in await hospital.rows(LabResult)] == ["测不出"]
