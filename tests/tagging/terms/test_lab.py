"""Laboratory items by whatever name."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.picture.words import words
from tagging.terms.convert import conversions
from tagging.terms.lab import find_lab, is_loinc, items
from tagging.terms.ucum import ucum

# The laboratory's own distinctions that a photographed report need not make.
FINER = {("crp", "hscrp"), ("urea", "urea_nitrogen"), ("bicarbonate", "hco3"), ("calcium", None)}


@pytest.mark.parametrize(
    ("name", "unit", "report", "id"),
    [
        ("WBC", None, None, "wbc"),
        ("ＷＢＣ", "10^9/L", None, "wbc"),
        ("白细胞(WBC)", "10^9/L", "血常规", "wbc"),
        ("★丙氨酸氨基转移酶(ALT)", "U/L", None, "alt"),
        ("糖化血红蛋白测定(HPLC)", "%", None, "hba1c"),
        ("WBC白细胞计数", None, None, "wbc"),
        ("血清白蛋白", "g/L", None, "albumin"),
        ("PCT", "%", None, "pct_platelets"),
        ("PCT", "ng/ml", None, "procalcitonin"),
        ("TP", "g/L", None, "total_protein"),
        ("P", "mmol/L", None, "phosphorus"),
        ("NEUT", "%", None, "neutrophil_share"),
        ("FBG", "g/L", None, "fibrinogen"),
        ("葡萄糖", None, "尿常规", "urine_glucose"),
        ("GLU", "mmol/L", "脑脊液生化", "csf_glucose"),
        ("红细胞", None, "尿沉渣", "urine_rbc"),
        ("脉搏", "次/分", None, "heart_rate"),
        ("血小板", "G/L", None, "platelets"),
    ],
)
def test_an_item_is_known_by_its_name_its_unit_and_its_report(name: str, unit: str | None, report: str | None, id: str) -> None:
    found = find_lab(name, unit=unit, report=report)
    assert (found.id, found.loinc) == (id, items()[id].loinc)


@pytest.mark.parametrize("name", ["PCT", "TP", "隐血", "钙离子"])
def test_a_name_of_two_items_gives_both(name: str) -> None:
    found = find_lab(name)
    assert found.id is None and found.loinc is None
    assert len(found.alternatives) == 2


def test_nearly_the_same_name_is_not_the_same_item() -> None:
    assert find_lab("直接胆红").id is None
    assert find_lab("胆红素原").alternatives == ()


def test_a_loinc_code_counts_before_any_name() -> None:
    assert find_lab("whatever", code="6690-2", system="LN").id == "wbc"
    assert find_lab("血糖", code="2345-7", system="http://loinc.org").id == "glucose"
    unknown = find_lab("血培养", code="625-4", system="LN")
    assert (unknown.id, unknown.loinc) == (None, "625-4")
    assert find_lab("血糖", code="8867-5", system="LN").by == "name"


def test_the_hospital_own_table_counts_before_the_name() -> None:
    found = find_lab("血常规第3项", code="X03", system="99LIS", local={"X03": "platelets"})
    assert (found.id, found.by) == ("platelets", "local")
    assert find_lab("x", code="X03", local={"X03": "no_such_item"}).id is None


def test_no_loinc_is_given_for_a_unit_that_measures_something_else() -> None:
    found = find_lab("白细胞", unit="个/uL", report="尿液分析")
    assert (found.id, found.loinc) == ("urine_wbc", None)


def test_the_table_can_be_relied_on() -> None:
    codes = [code for item in items().values() for code in (item.loinc, *item.also) if code]
    assert len(items()) >= 150
    assert [code for code in codes if not is_loinc(code)] == []
    assert len(codes) == len(set(codes))
    assert [id for id, item in items().items() if item.unit and ucum(item.unit) != item.unit] == []
    assert [id for id, item in items().items() if item.conversion and item.conversion not in conversions()] == []
    assert [id for id, item in items().items() if item.verified and not (item.loinc and item.display)] == []


def test_photographed_reports_and_feeds_mean_the_same_items() -> None:
    apart = {(id, find_lab(printed, unit=analyte.unit).id) for id, analyte in words().analytes.items() for printed in analyte.printed} - {
        (id, id) for id in words().analytes
    }
    assert apart == FINER


def test_verified_codes_are_those_of_the_checked_list(shared: Path) -> None:
    with (shared / "data" / "codes.csv").open(encoding="utf-8") as file:
        listed = {row["code"]: row["display_en"] for row in csv.DictReader(file) if row["system"] == "LOINC"}
    known = {item.loinc: item.display for item in items().values() if item.loinc in listed}
    assert len(known) > 40
    assert {code: display for code, display in known.items() if display != listed[code]} == {}


@given(st.text(max_size=100), st.text(max_size=20))
def test_any_name_is_known_or_not(name: str, unit: str) -> None:
    found = find_lab(name, unit=unit)
    assert found.id is None or found.item is not None
