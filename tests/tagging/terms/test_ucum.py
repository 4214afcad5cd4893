"""Units as hospitals write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.terms.convert import conversions, convert
from tagging.terms.ucum import read_unit, scale, ucum

WRITTEN = {
    "10*9/L": ["10*9/L", "10^9/L", "x10E9/L", "×10⁹/L", "10\\S\\9/L", "109/L", "10 9/L", "giga.l-1", "１０＾９／Ｌ"],
    "10*12/L": ["10^12/L", "tera.l-1", "T/L", "×10¹²/L"],
    "10*3/uL": ["THOU/uL", "K/UL", "10*3/uL", "10^3/μL"],
    "10*6/uL": ["MILL/uL", "M/uL"],
    "/uL": ["个/uL", "/μl"],
    "g/dL": ["g/dL", "g/dl", "ｇ／ｄＬ"],
    "mmol/L": ["mmol/l", "MMOL/L", "mmol·L-1", "mmol.l-1", "毫摩尔/升", "(mmol/L)"],
    "umol/L": ["umol/l", "μmol/L", "µmol/L"],
    "Cel": ["℃", "°C", "度", "摄氏度"],
    "/min": ["次/分", "beats/min", "bpm", "次/分钟"],
    "mm[Hg]": ["mmHg", "mm[Hg]", "毫米汞柱"],
    "kPa": ["kPa", "KPA"],
    "m[IU]/L": ["mIU/L"],
    "u[IU]/mL": ["μIU/mL", "uIU/ml"],
    "/[HPF]": ["/HP", "/HPF"],
    "mL/min/{1.73_m2}": ["mL/min/1.73m2", "ml/min/1.73㎡"],
    "mm/h": ["mm/h", "mm/1h", "mm/60min"],
    "g/(24.h)": ["g/24h"],
}


@pytest.mark.parametrize(("code", "written"), [(code, each) for code, all in WRITTEN.items() for each in all])
def test_a_unit_is_known_however_it_is_written(code: str, written: str) -> None:
    assert ucum(written) == code


@pytest.mark.parametrize("written", [None, "", "foo", "U/gHb", "ug/mL FEU", "10/L/L/L", "/", "//", "x" * 500])
def test_what_is_no_known_unit_stays_as_it_is(written: str | None) -> None:
    assert ucum(written) is None


def test_capitals_are_read_by_what_is_measured() -> None:
    assert ucum("G/L") is None
    assert ucum("G/L", like="g/L") == "g/L"
    assert ucum("G/L", like="10*9/L") == "10*9/L"
    assert ucum("分", like="{score}") == "{score}"


@pytest.mark.parametrize(
    ("value", "unit", "to", "analyte", "result"),
    [
        (14.2, "g/dL", "g/L", None, 142.0),
        (5.1, "THOU/uL", "10*9/L", None, 5.1),
        (3500, "/uL", "10*9/L", None, 3.5),
        (684, "ug/L", "ng/mL", None, 684.0),
        (90, "mg/dL", "mmol/L", "glucose", 4.99554),
        (5.0, "mmol/L", "mg/dL", "glucose", 90.0803),
        (12, "mg/dL", "umol/L", "bilirubin", 205.2),
        (1.0, "mg/dL", "umol/L", "creatinine", 88.4),
        (48, "mmol/mol", "%", "hba1c", 6.54304),
        (98.6, "℉", "Cel", None, 37.0),
        (37.0, "Cel", "[degF]", None, 98.6),
        (16, "kPa", "mm[Hg]", None, 120.01),
        (6.8, "斤", "kg", None, 3.4),
        (3400, "g", "kg", None, 3.4),
        (1.25, "米", "cm", None, 125.0),
        (0.42, "L/L", "%", None, 42.0),
    ],
)
def test_values_are_brought_to_another_unit(value: float, unit: str, to: str, analyte: str | None, result: float) -> None:
    assert convert(value, unit, to, analyte=analyte) == pytest.approx(result, rel=1e-5)


def test_nothing_is_converted_that_may_not_be() -> None:
    assert convert(1.0, "mg/dL", "umol/L") is None
    assert convert(1.0, "mg/dL", "umol/L", analyte="crp") is None
    assert convert(1.0, "foo", "mmol/L", analyte="glucose") is None
    assert convert(120, "mm[Hg]", "mmol/L", analyte="glucose") is None


@pytest.mark.parametrize("analyte", conversions())
def test_a_factor_follows_from_the_molar_mass_that_it_names(analyte: str) -> None:
    known = conversions()[analyte]
    start, end = read_unit(known.frm), read_unit(known.to)
    assert start and end and known.src
    if mass := re.search(r"molar mass\D*(\d+\.?\d*)", known.src):
        assert known.factor == pytest.approx(start.factor / float(mass[1]) / end.factor, rel=3e-4)


@given(st.text(max_size=60))
def test_any_text_is_a_unit_or_none(text: str) -> None:
    unit = read_unit(text)
    assert unit is None or (unit.code and unit.factor > 0)


@given(st.floats(-1e6, 1e6), st.sampled_from(["g/dL", "mg/L", "ug/mL", "g/L", "ng/mL"]))
def test_there_and_back_is_the_same_value(value: float, written: str) -> None:
    unit, to = read_unit(written), read_unit("mg/dL")
    assert unit and to
    there = scale(value, unit, to)
    assert there is not None
    assert scale(there, to, unit) == pytest.approx(value, rel=1e-9, abs=1e-9)
