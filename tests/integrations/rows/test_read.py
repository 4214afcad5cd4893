"""Rows of a hospital's table as events."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.event import Booked, Diagnosed, Identifier, Noted, Observed, Ordered, PatientUpsert, Vaccinated, VisitChange
from integrations.rows.mapping import RowMapping, mapping_of, read_mapping
from integrations.rows.read import read_row, row_digest, row_key
from integrations.rows.row import RowError
from integrations.rows.value import CellError, day, moment, sex
from tests.integrations.rows.test_mapping import LAB

ZONE = ZoneInfo("Asia/Shanghai")
HAEMOGLOBIN = {
    "报告号": "R1", "项目代码": "HGB", "更新时间": "2026-03-02 09:10:00", "状态": "", "病历号": "ZY2026-0031", "身份证号": None,
    "姓名": "周安安", "性别": "女", "出生日期": "2024-05-06 00:00:00", "联系电话": "13800001234", "项目名称": "血红蛋白",
    "结果": "98", "单位": "g/L", "提示": "↓", "采样时间": "2026/3/2 7:30",
}  # fmt: skip


def whose(**columns: str) -> dict[str, object]:
    """A mapping's person, known by record number alone."""
    return {"identifiers": [{"system": "record-number", "column": "no"}], **columns}


def one(event: str, fields: dict[str, object], row: dict[str, str | None], **more: object) -> object:
    mapping = mapping_of({"event": event, "key": "id", "person": whose(), "fields": fields, **more})
    [said] = read_row(mapping, {"id": "7", "no": "A1", **row}, ZONE).events
    return said


def test_a_result_keeps_its_words_and_gets_the_hospitals_time() -> None:
    message = read_row(read_mapping(LAB), HAEMOGLOBIN, ZONE)
    [said] = message.events
    assert isinstance(said, Observed)
    assert (said.key, said.values, said.unit, said.flag, said.status) == ("R1|HGB", ("98",), "g/L", "L", "F")
    assert (said.code.code, said.code.text, said.code.system) == ("HGB", "血红蛋白", "99LIS")
    assert said.person.identifiers == (Identifier("record-number", "ZY2026-0031"),)
    assert (said.person.name, said.person.sex, said.person.birth_date) == ("周安安", "F", date(2024, 5, 6))
    assert said.effective_at == datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert message.at == datetime(2026, 3, 2, 1, 10, tzinfo=UTC)


def test_a_result_that_was_taken_back_is_deleted() -> None:
    [said] = read_row(read_mapping(LAB), {**HAEMOGLOBIN, "状态": "作废"}, ZONE).events
    assert isinstance(said, Observed) and said.status == "D"


def test_every_kind_of_row_becomes_its_event() -> None:
    stay = {"number": "v", "kind": "k", "department": "d", "admitted_at": "a", "discharged_at": "e"}
    admitted = {"v": "ZY1", "k": "住院", "d": "新生儿科", "a": "20260301", "e": None}
    came = one("visit", stay, admitted)
    left = one("visit", stay, {**admitted, "e": "2026-03-09T10:00:00+08:00"})
    assert isinstance(came, VisitChange) and isinstance(left, VisitChange)
    assert (came.what, left.what, left.visit.kind) == ("update", "discharge", "inpatient")
    assert isinstance(one("patient", {}, {}), PatientUpsert)
    sick = one("diagnosed", {"text": "t", "active": "y"}, {"t": "川崎病", "y": "否"})
    assert isinstance(sick, Diagnosed) and not sick.active
    pills = one(
        "ordered",
        {"text": "t", "dose": "u", "status": {"column": "s", "words": {"停": "stopped"}}},
        {"t": "泼尼松片", "u": "10mg", "s": "停"},
    )
    assert isinstance(pills, Ordered) and (pills.kind, pills.dose, pills.status) == ("medicine", "10mg", "stopped")
    visit = one("booked", {"starts_at": "w"}, {"w": "2026年3月9日 8:30", "s": "x"}, deleted={"column": "s", "values": ["x"]})
    assert isinstance(visit, Booked) and (visit.status, visit.starts_at.hour) == ("cancelled", 8)
    jab = one("vaccinated", {"text": "t", "dose_number": "n"}, {"t": "卡介苗", "n": "1.0"})
    assert isinstance(jab, Vaccinated) and jab.given and jab.dose_number == 1


@pytest.mark.parametrize(
    ("column", "contents", "code"),
    [
        ("病历号", None, "empty"), ("报告号", " ", "empty"), ("结果", "", "empty"), ("出生日期", "2024-13-06", "day"),
        ("性别", "母", "sex"), ("采样时间", "昨天", "moment"), ("更新时间", "2026-03-02 25:10", "moment"), ("结果", "9" * 20_001, "long"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_says_where(column: str, contents: str | None, code: str) -> None:
    row: dict[str, str | None] = {**HAEMOGLOBIN, column: contents}
    with pytest.raises(RowError) as err:
        read_row(read_mapping(LAB), row, ZONE)
    assert (err.value.code, err.value.column, err.value.permanent) == (code, column, True)


def test_a_column_that_the_view_lost_is_named() -> None:
    with pytest.raises(RowError, match="missing: 单位"):
        read_row(read_mapping(LAB), {name: each for name, each in HAEMOGLOBIN.items() if name != "单位"}, ZONE)


def test_changed_contents_are_another_message_of_the_same_row() -> None:
    mapping: RowMapping = read_mapping(LAB)
    changed = {**HAEMOGLOBIN, "结果": "99"}
    assert row_key(mapping, changed) == row_key(mapping, HAEMOGLOBIN)
    assert row_digest(changed) != row_digest(HAEMOGLOBIN) == row_digest(dict(reversed(HAEMOGLOBIN.items())))


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%Y.%m.%d"]))
def test_a_day_reads_back_however_it_is_written(when: date, form: str) -> None:
    assert day(when.strftime(form)) == when


@given(
    st.datetimes(*map(datetime.fromisoformat, ("1990-01-01", "2040-01-01"))),
    st.sampled_from([" ", "T"]),
    st.sampled_from(["seconds", "microseconds"]),
)
def test_a_moment_reads_back_in_the_hospitals_zone(when: datetime, between: str, precision: str) -> None:
    when = when if precision == "microseconds" else when.replace(microsecond=0)
    assert moment(when.isoformat(between, precision), ZONE).replace(tzinfo=None) == when


@given(st.text(max_size=40))
def test_no_text_does_anything_but_read_or_be_refused(text: str) -> None:
    for read in (day, sex, lambda said: moment(said, ZONE)):
        try:
            read(text)
        except CellError as err:
            assert err.permanent


@pytest.mark.parametrize(
    ("text", "read"),
    [("诊断：哮喘\n处理：随诊", "诊断：哮喘\n处理：随诊"), ("<xml><p>诊断：哮喘</p><p>处理</p></xml>", "诊断：哮喘\n处理")],
)
def test_a_note_of_an_electronic_record(text: str, read: str) -> None:
    fields: dict[str, object] = {"text": "content", "kind": "kind", "author": "doctor", "written_at": "at", "visit": "visit"}
    row = {"content": text, "kind": "门诊病历", "doctor": "王医生", "at": "2026-03-02 09:10", "visit": "V1"}
    said = one("noted", fields, row)
    assert isinstance(said, Noted)
    assert (said.key, said.kind.text, said.title, said.text, said.author, said.visit, said.status) == (
        "7", "门诊病历", "门诊病历", read, "王医生", "V1", "final",
    )  # fmt: skip


def test_a_note_may_be_long_but_not_endless_and_is_taken_back_by_its_column() -> None:
    fields: dict[str, object] = {"text": "content"}
    assert isinstance(one("noted", fields, {"content": "病" * 150_000}), Noted)
    with pytest.raises(RowError, match="long"):
        one("noted", fields, {"content": "病" * 200_001})
    gone = one("noted", fields, {"content": "x", "state": "作废"}, deleted={"column": "state", "values": ["作废"]})
    assert isinstance(gone, Noted) and gone.status == "entered-in-error"
