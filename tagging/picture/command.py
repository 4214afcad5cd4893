"""One picture in, one JSON line out, for `careloop understand --image`."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tagging.patient import PatientFacts
from tagging.picture.confirm import judge, measurements, shown_back
from tagging.picture.ocr import Ocr
from tagging.picture.read import read_picture
from tagging.picture.reading import PictureValue

_FIELDS = ("name", "value", "unit", "text", "vital", "analyte", "printed", "printed_unit", "limit", "arrow", "score", "doubt")


def image_line(file: Path, ocr: Ocr, *, now: datetime) -> dict[str, Any]:
    """What the picture in `file` says. Raises PictureError for what is no picture, OSError for what is no file.

    `values` is everything that was read; `measurements` and `triage` are what becomes of it once it is confirmed, for a patient of whom
    nothing is known; `confirm` is what the family is shown, null when nothing can be read.
    """
    picture = read_picture(file.read_bytes(), ocr)
    triage = judge(picture.values, patient=PatientFacts(None), now=now)
    return {
        "id": file.name,
        "kind": picture.kind,
        "person": picture.person,
        "day": picture.day.isoformat() if picture.day else None,
        "values": [_value(value) for value in picture.values],
        "measurements": [{**asdict(each), "at": None, "start": None, "end": None} for each in measurements(picture.values)],
        "confirm": shown_back(picture.values) or None,
        "triage": {
            "level": triage.level,
            "categories": list(triage.categories),
            "reply": triage.reply,
            "evidence": [asdict(evidence) for evidence in triage.evidence],
        },
        "lines": [line.text for line in picture.lines],
    }


def _value(value: PictureValue) -> dict[str, Any]:
    reference = None if value.low is None and value.high is None else {"low": value.low, "high": value.high}
    return {**{name: getattr(value, name) for name in _FIELDS}, "reference": reference, "beyond": value.beyond, "box": value.box}
