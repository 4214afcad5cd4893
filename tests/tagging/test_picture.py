"""Photographed devices and lab reports, drawn and spoilt by tests/tagging/pictures; hostile files."""

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tagging.patient import PatientFacts
from tagging.picture.confirm import judge, measurements, shown_back
from tagging.picture.image import PictureError, open_picture
from tagging.picture.ocr import Ocr, RapidEngine
from tagging.picture.read import read_picture
from tagging.picture.reading import PictureValue
from tests.tagging.pictures.camera import photograph, shot
from tests.tagging.pictures.devices import draw_device
from tests.tagging.pictures.fonts import has_chinese
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
