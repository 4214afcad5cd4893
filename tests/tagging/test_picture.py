"""Photographed devices and lab reports, drawn and spoilt by tests/tagging/pictures; hostile files."""

import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tagging.patient import PatientFacts
from tagging.picture.confirm import judge, measurements, shown_back
from tagging.picture.image import PictureError, open_picture
from tagging.picture.ocr import Ocr, RapidEngine
from tagging.picture.read import read_picture
from tagging.picture.reading import PictureValue
from tests.tagging.pictures.camera import photograph, shot
from tests.tagging.pictures.devices import draw_device
from tests.tagging.pictures.evaluate import cases, outcomes
from tests.tagging.pictures.fonts import CHINESE, font, has_chinese
from tests.tagging.pictures.reports import draw_report

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
needs_fonts = pytest.mark.skipif(not has_chinese(), reason="no Chinese font to draw with")


@pytest.fixture(scope="module")
def ocr() -> Iterator[Ocr]:
    yield RapidEngine()


def vital(name: str, vital: str, value: float | None, unit: str, **more: object) -> PictureValue:
    return replace(PictureValue(name, value, unit, str(value), vital), **more)  # type: ignore[arg-type]


@needs_fonts
@pytest.mark.parametrize(
    ("kind", "seed", "grade"), [("thermometer", 2, "clean"), ("glucose_meter", 0, "usual"), ("blood_pressure", 1, "usual")]
)
def test_a_device_is_read_with_its_values(ocr: Ocr, kind: str, seed: int, grade: str) -> None:
    drawn = draw_device(kind, seed)
    picture = read_picture(photograph(drawn.image, shot(grade, seed), seed), ocr)
    assert picture.kind == kind
    assert {value.vital: value.value for value in picture.values} == pytest.approx(drawn.values, rel=0.001)
    assert [value.doubt for value in picture.values] == [None] * len(drawn.values)


@needs_fonts
def test_a_picture_may_lie_on_its_head_or_side(ocr: Ocr) -> None:
    drawn = draw_device("thermometer", 4)
    for turn in (1, 2, 3):
        picture = read_picture(photograph(drawn.image, replace(shot("usual", 4), turn=turn), 4), ocr)
        assert [value.value for value in picture.values] == [drawn.values["temperature"]]


@needs_fonts
def test_a_report_gives_names_units_ranges_and_arrows(ocr: Ocr) -> None:
    drawn = draw_report(0)
    how = shot("usual", 0)
    picture = read_picture(photograph(drawn.image, replace(how, long_side=2000), 0), ocr)
    assert picture.kind == "report"
    read = {value.analyte: value for value in picture.values}
    assert {row.analyte: float(row.value) for row in drawn.rows} == {id: value.value for id, value in read.items()}
    for row in drawn.rows:
        value = read[row.analyte]
        assert (value.low, value.high) == (row.low, row.high)
        assert value.arrow == row.arrow or value.doubt == "arrow"


def printed(*words: tuple[str, int, tuple[int, int]]) -> bytes:
    """A screen with ordinary print: (text, size, place)."""
    screen = Image.new("RGB", (640, 400), (235, 240, 235))
    for text, size, at in words:
        ImageDraw.Draw(screen).text(at, text, font=font(CHINESE[0], size), fill=(20, 20, 20))
    out = io.BytesIO()
    screen.save(out, "PNG")
    return out.getvalue()


@needs_fonts
@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([("38.6", 120, (60, 80)), ("℃", 60, (330, 90))], {"temperature": 38.6}),
        ([("体温 38.5℃", 70, (60, 80))], {"temperature": 38.5}),
        ([("101.3°F", 110, (60, 90))], {"temperature": 38.5}),
        ([("体重", 40, (40, 20)), ("12.35 kg", 110, (60, 90))], {"weight": 12.35}),
        ([("24.7斤", 110, (60, 90))], {"weight": 12.35}),
        ([("3450 g", 110, (60, 90))], {"weight": 3.45}),
        ([("血糖 2.8 mmol/L", 60, (60, 90))], {"glucose": 2.8}),
        ([("128/82 mmHg", 80, (40, 80))], {"systolic_bp": 128, "diastolic_bp": 82}),
        ([("SYS 128", 80, (40, 20)), ("DIA 82", 80, (40, 120)), ("PULSE 76", 80, (40, 220))],
         {"systolic_bp": 128, "diastolic_bp": 82, "heart_rate": 76}),
        ([("SpO2 96%", 70, (40, 40)), ("PR 112 bpm", 70, (40, 160))], {"spo2": 96, "heart_rate": 112}),
    ],
)  # fmt: skip
def test_print_is_read_whole_beside_its_labels(ocr: Ocr, words: list[tuple[str, int, tuple[int, int]]], values: dict[str, float]) -> None:
    picture = read_picture(printed(*words), ocr)
    assert {value.vital: value.value for value in picture.values} == pytest.approx(values, abs=0.01)


@needs_fonts
def test_a_lone_number_is_a_temperature_only_with_a_doubt(ocr: Ocr) -> None:
    [value] = read_picture(printed(("36.8", 140, (60, 80))), ocr).values
    assert (value.vital, value.value, value.doubt) == ("temperature", 36.8, "device")
    assert read_picture(printed(("68", 140, (60, 80))), ocr).values == ()


@needs_fonts
def test_the_frozen_pictures_are_read_as_well_as_ever(ocr: Ocr) -> None:
    """A part of them, to be quick; docs/evaluation/pictures.md has all."""
    chosen = [case for case in cases() if case["grade"] == "usual" and case["seed"] == 2001]
    found = sum((outcomes(case, ocr) for case in chosen), Counter())
    assert found["wrong"] == found["invented"] == 0
    assert found["right"] + found["right doubted"] >= 0.9 * sum(len(case["values"]) for case in chosen)


@needs_fonts
def test_the_frozen_pictures_still_say_what_was_written_down() -> None:
    for case in cases():
        if case["draw"] == "report":
            assert {row.analyte: float(row.value) for row in draw_report(case["seed"]).rows} == case["values"]
        else:
            drawn = draw_device(case["draw"], case["seed"])
            assert {**drawn.values, **({"glucose": drawn.limit} if drawn.limit else {})} == case["values"]


def bomb(side: int) -> bytes:
    """A PNG of some kilobytes that claims side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))

    header = pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def png(size: tuple[int, int], mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_broken"),
        (b"not a picture at all", "picture_type"),
        (b"%PDF-1.7 and more", "picture_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_type"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "picture_type"),
        (png((400, 400))[:200], "picture_broken"),
        (png((3, 900)), "picture_small"),
        (bomb(30_000), "picture_size"),
        (bomb(4_000), "picture_broken"),
        (bytes(21_000_000), "picture_size"),
    ],
    ids=["empty", "text", "pdf", "svg", "jpeg-head", "truncated", "line", "bomb", "small-bomb", "large"],
)
def test_what_is_no_picture_is_refused_with_a_reason(data: bytes, code: str) -> None:
    with pytest.raises(PictureError) as refused:
        open_picture(data)
    assert (refused.value.code, refused.value.permanent) == (code, True)


@given(st.binary(max_size=400), st.integers(0, 300), st.integers(1, 60))
def test_no_damage_to_a_file_raises_anything_else(noise: bytes, at: int, cut: int) -> None:
    whole = png((64, 48))
    for data in (noise, whole[:at] + noise + whole[at:], whole[:-cut]):
        try:
            assert open_picture(data).ndim == 3
        except PictureError as refused:
            assert refused.code.startswith("picture_")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_becomes_three_colours(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (60, 40)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    assert open_picture(out.getvalue()).shape == (40, 60, 3)


def test_a_picture_without_a_value_says_nothing(ocr: Ocr) -> None:
    picture = read_picture(png((640, 480)), ocr)
    assert (picture.kind, picture.values) == ("unknown", ())
    assert shown_back(picture.values) == ""


def test_values_are_shown_back_and_doubtful_ones_marked() -> None:
    shown = shown_back([vital("体温", "temperature", 38.6, "Cel"), vital("心率", "heart_rate", 132.0, "/min", doubt="unclear")])
    assert shown.splitlines()[1:3] == ["体温 38.6 ℃", "心率 132 次/分 ？"]
    assert "核对" in shown


def test_a_weight_without_a_unit_is_asked_and_cannot_be_confirmed() -> None:
    value = vital("体重", "weight", None, "kg", text="10.5", doubt="unit")
    assert "斤还是公斤" in shown_back([value])
    assert measurements([value]) == []


def test_a_meter_beyond_its_range_is_a_bound() -> None:
    [high] = measurements([vital("血糖", "glucose", None, "mmol/L", limit="HI")])
    assert (high.value, high.precision) == (33.3, "more_than")


def test_what_may_be_an_emergency_is_judged_before_it_is_confirmed() -> None:
    fever = vital("体温", "temperature", 38.4, "Cel", doubt="unclear")
    assert judge([fever], patient=PatientFacts(40), now=NOW).level == "emergency"
    assert judge([fever], patient=PatientFacts(900), now=NOW).level == "routine"


def test_a_reports_bilirubin_is_judged_in_the_unit_of_its_bands() -> None:
    [found] = measurements([vital("总胆红素", "bilirubin", 350.0, "umol/L")])
    assert (found.unit, round(found.value, 1)) == ("mg/dL", 20.5)


def test_the_engine_brings_its_models_along() -> None:
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    assert len(list(models.glob("*_det_*.onnx"))) == len(list(models.glob("*_rec_*.onnx"))) == 1
