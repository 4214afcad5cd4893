"""From the bytes of a picture to values with names, units and arrows."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

import cv2

from tagging.picture.display import read_display
from tagging.picture.image import Pixels, open_picture
from tagging.picture.ocr import Line, Ocr
from tagging.picture.reading import Picture
from tagging.picture.report import day_of, is_report, person_of, read_report
from tagging.picture.upright import crop, turn_upright

# The first look, in pixels of the longer side, tells which kind of picture it is and which way is up.
FIRST_LOOK = 960
# More pieces of text than any device bears.
MANY = 18
# A report is then looked at so closely that its letters are this high, within limits: finding text costs by the area.
LETTER = 22
CLOSEST = 1900
# What the recogniser is less sure of than this is no text.
READABLE = 0.4


def read_picture(data: bytes, ocr: Ocr) -> Picture:
    """Read a photographed device or lab report. Raises PictureError for what is no picture.

    Takes a second for a device and some seconds for a report, on one core; call it away from an event loop.
    """
    image = open_picture(data)
    places = _find(image, ocr, FIRST_LOOK)
    upright, turned = turn_upright(image, places, ocr)
    if turned:
        places = _find(upright, ocr, FIRST_LOOK)
    if len(places) < MANY:
        lines = _read(upright, places, ocr)
        kind, values = read_display(upright, lines, ocr)
        if values:
            return Picture(kind, tuple(values), tuple(lines))
    else:
        kind = "unknown"
        closer = FIRST_LOOK * LETTER / statistics.median(line.height * FIRST_LOOK / max(upright.shape[:2]) for line in places)
        if closer > FIRST_LOOK * 1.15:
            places = _find(upright, ocr, min(CLOSEST, round(closer)))
        lines = _read(upright, places, ocr)
    found = read_report(lines, upright, ocr)
    if is_report(found):
        return Picture("report", tuple(found), tuple(lines), person_of(lines), day_of(lines))
    return Picture(kind, tuple(value for value in found if value.analyte), tuple(lines))


def _find(image: Pixels, ocr: Ocr, long_side: int) -> list[Line]:
    """Where text is at a scale, in the coordinates of the image, still without words."""
    scale = min(1.0, long_side / max(image.shape[:2]))
    small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = []
    for corners in ocr.find(small):
        a, b, c, d = ((x / scale, y / scale) for x, y in corners)
        found.append(Line("", (a, b, c, d), 0.0))
    return found


def _read(image: Pixels, places: Sequence[Line], ocr: Ocr) -> list[Line]:
    """The words at these places."""
    texts = ocr.texts([crop(image, place) for place in places])
    return [
        replace(place, text=text, score=score) for place, (text, score) in zip(places, texts, strict=True) if text and score >= READABLE
    ]
