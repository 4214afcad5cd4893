"""Diagnoses as clinicians write them."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.terms.diagnosis import MOST, SURE, diagnoses, icd10_of, read_diagnoses, read_diagnosis


@pytest.mark.parametrize(
    ("text", "icd10"),
    [
        ("早产儿", "P07.3"),
        ("急淋", "C91.0"),
        ("ALL", "C91.0"),
        ("急性淋巴细胞白血病（B细胞型，中危）化疗后", "C91.0"),
        ("全身型JIA", "M08.2"),
        ("右侧腹股沟斜疝术后", "K40.9"),
        ("β-地中海贫血（重型）", "D56.1"),
        ("1型糖尿病性酮症酸中毒", "E10.1"),
        ("母乳性黄疸（重）", "P59.3"),
        ("非霍奇金淋巴瘤（III期）", "C85.9"),
        ("无肛术后", "Q42.3"),
        ("高血压病3级 极高危", "I10"),
        ("J18.900x001 支气管肺炎", "J18.9"),
        ("皮肤粘膜淋巴结综合征", "M30.3"),
    ],
)
def test_a_diagnosis_is_coded(text: str, icd10: str) -> None:
    read = read_diagnosis(text)
    assert (read.icd10, read.certainty) == (icd10, "confirmed")
    assert read.score >= SURE


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("肺炎待查", "possible"),
        ("川崎病？", "possible"),
        ("？急性阑尾炎", "possible"),
        ("(待排)川崎病", "possible"),
        ("不除外川崎病", "possible"),
        ("排除川崎病", "refuted"),
        ("否认哮喘", "refuted"),
        ("高血压家族史", "family"),
        ("母亲妊娠期糖尿病", "family"),
        ("既往哮喘病史", "past"),
        ("脑梗死后遗症", "past"),
        ("川崎病", "confirmed"),
        ("无", "none"),
        ("否认", "none"),
    ],
)
def test_what_is_not_confirmed_is_not_carried(text: str, certainty: str) -> None:
    read = read_diagnosis(text)
    assert read.certainty == certainty
    assert read.carried == (certainty == "confirmed")
    assert (read.icd10 is None) == (certainty == "none")


def test_an_unexplained_symptom_is_there() -> None:
    assert read_diagnosis("发热待查").carried and read_diagnosis("腹痛查因").carried
    assert not read_diagnosis("发热？").carried


def test_what_stands_beside_it_is_kept() -> None:
    assert read_diagnosis("左肾母细胞瘤术后化疗中").qualifiers == {"chemotherapy": "化疗中", "postoperative": "术后", "side": "左"}
    assert read_diagnosis("支气管哮喘（缓解期）").qualifiers == {"recovery": "(缓解期)"}


def test_a_field_of_several_is_taken_apart() -> None:
    read = read_diagnoses("1.早产儿（32周，双胎） 2.新生儿黄疸？ ③卵圆孔未闭；BPD")
    assert [(each.icd10, each.certainty) for each in read] == [
        ("P07.3", "confirmed"),
        ("P59.9", "possible"),
        ("Q21.1", "confirmed"),
        ("P27.1", "confirmed"),
    ]
    assert read_diagnoses("") == () == read_diagnoses("肺炎" * 1000)
    assert len(read_diagnoses("肺炎；" * 100)) == MOST


def test_an_abbreviation_of_two_gives_both() -> None:
    read = read_diagnosis("ASD")
    assert read.icd10 is None
    assert {each.icd10 for each in read.alternatives} == {"Q21.1", "F84.0"}


def test_likeness_only_proposes() -> None:
    read = read_diagnosis("发育性髋关节异常")
    assert read.icd10 is None
    assert read.alternatives[0].icd10 == "Q65.8"
    assert read.alternatives[0].score < SURE
    assert read_diagnosis("BASDAI评分").alternatives == ()


def test_an_unspecified_diabetes_shows_both_types() -> None:
    read = read_diagnosis("糖尿病")
    assert read.icd10 == "E14.9"
    assert [each.icd10 for each in read.alternatives] == ["E10.9", "E11.9"]


def test_the_hospital_own_code_counts_and_a_contradiction_is_told() -> None:
    agreed, odd = read_diagnosis("支气管哮喘", "J45.900"), read_diagnosis("哮喘", "J18.9")
    assert (agreed.icd10, agreed.disagrees) == ("J45.9", False)
    assert (odd.icd10, odd.disagrees) == ("J18.9", True)
    assert odd.alternatives[0].icd10 == "J45.9"


def test_codes_of_every_edition_are_brought_to_who() -> None:
    assert [icd10_of(code) for code in ("J18.900x001", "P77", "E10.1+", "i10.x00", "J45.9")] == ["J18.9", "P77", "E10.1", "I10", "J45.9"]
    assert icd10_of("M8000/3") is None and icd10_of("维生素B12缺乏") is None and icd10_of("") is None


def test_the_table_can_be_relied_on() -> None:
    assert len(diagnoses()) >= 250
    assert [name for name, entry in diagnoses().items() for code in (entry.icd10, *entry.also) if icd10_of(code) != code] == []
    departments = {"neonatology", "oncology", "haematology", "rheumatology", "psychology", "diabetes", "hypertension", "postoperative"}
    assert departments <= {entry.group for entry in diagnoses().values()}


def test_every_code_of_the_checked_list_is_known(shared: Path) -> None:
    with (shared / "data" / "codes.csv").open(encoding="utf-8") as file:
        listed = {row["code"] for row in csv.DictReader(file) if row["system"] == "ICD-10"}
    assert listed - {code for entry in diagnoses().values() for code in (entry.icd10, *entry.also)} == set()


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for read in read_diagnoses(text):
        assert 0.0 <= read.score <= 1.0


@given(
    st.sampled_from(sorted(name for name, entry in diagnoses().items() if not entry.icd10.startswith("R"))),
    st.sampled_from(["待查", "？", "待排", "可能"]),
)
def test_a_doubt_is_never_lost(name: str, doubt: str) -> None:
    assert not read_diagnosis(name + doubt).carried
