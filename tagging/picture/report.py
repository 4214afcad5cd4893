"""Rows of a lab report: name, value, unit, arrow, reference range, checked against each other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import cv2

from tagging.picture.cells import POWER, Token, find_analyte, find_unit, heading, tokens
from tagging.picture.image import Pixels
from tagging.picture.ocr import Line, Ocr
from tagging.picture.reading import PictureValue
from tagging.picture.table import rows
from tagging.picture.upright import crop
from tagging.picture.words import words

# So many known rows make a report.
ROWS = 2
# A value this far outside of its reference range without an arrow has probably lost its point.
FAR = 12.0
# A recogniser this unsure of a number may be wrong.
SURE = 0.9


@dataclass
class _Item:
    """A row of the report while it is put together."""

    name: Token | None = None
    value: Token | None = None
    arrow: str | None = None
    unit: Token | None = None
    range: Token | None = None
    quality: bool = False
    names: list[str] = field(default_factory=list)


def read_report(lines: Sequence[Line], image: Pixels | None = None, ocr: Ocr | None = None) -> list[PictureValue]:
    """The values of a report, in order. With `image` and `ocr` every number is read a second time; two readings that differ are doubted."""
    items = [item for row in rows(lines) for item in _items(row)]
    read = [(item.value, value) for item in items if item.value is not None and (value := _value(item)) is not None]
    arrows = any(value.arrow for _, value in read)
    values = [_checked(value, arrows=arrows) for _, value in read]
    if image is not None and ocr is not None:
        values = [_again(value, number, image, ocr) for (number, _), value in zip(read, values, strict=True)]
    return _once(values)


def is_report(values: Sequence[PictureValue]) -> bool:
    """Whether so many rows of known names were read that this is a report."""
    return sum(value.analyte is not None for value in values) >= ROWS


def person_of(lines: Sequence[Line]) -> str | None:
    """The name printed on a report."""
    found = (re.search(r"姓\s*名\s*[:：]?\s*([\u4e00-\u9fff·]{2,6}?)(?=性别|\s|$|[^\u4e00-\u9fff·])", line.text) for line in lines)
    return next((match[1] for match in found if match), None)


def day_of(lines: Sequence[Line]) -> date | None:
    """The day of the sample, else the earliest day printed on the report."""
    days: list[tuple[bool, date]] = []
    for line in lines:
        for match in _DAY.finditer(line.text):
            try:
                day = date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                continue
            sampled = re.search(r"采样|采集|采血|抽血|取样", line.text[: match.start()]) is not None
            birth = re.search(r"出生|生日", line.text[: match.start()]) is not None
            if not birth:
                days.append((not sampled, day))
    return min(days)[1] if days else None


_DAY = re.compile(r"(?P<year>20\d\d)\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{2}|\d(?!\d))")


def _items(row: Sequence[Line]) -> Iterator[_Item]:
    """The items of one row; a report in two halves has two."""
    item = _Item()
    if any(heading(line.text) for line in row):
        return
    for token in (token for line in row for token in tokens(line)):
        if token.kind == "name" and (item.value is not None or item.quality):
            yield item
            item = _Item()
        _take(item, token)
    yield item


def _take(item: _Item, token: Token) -> None:
    if token.kind == "name" and ":" in token.text and token.analyte is None:
        # 姓名：, 采样时间：
        item.quality = True
    elif token.kind == "name":
        item.names.append(token.text)
        if item.name is None or (item.name.analyte is None and token.analyte):
            item.name = token
    elif item.name is None:
        # A number before any name is the row's own.
        return
    elif (token.kind == "value" and item.value is None) or (token.kind == "bound" and item.value is None):
        item.value = token
    elif token.kind in ("range", "bound") and item.range is None:
        item.range = token
    elif token.kind == "arrow" and item.arrow is None:
        item.arrow = "high" if re.search(r"[↑H高]", token.text) else "low"
    elif token.kind == "unit" and item.unit is None:
        item.unit = token
    elif token.kind == "quality":
        item.quality = True


def _value(item: _Item) -> PictureValue | None:
    """The item as a value; None for what is none: headings, addresses, dates, qualitative results."""
    if item.name is None or item.value is None:
        return None
    number = re.search(r"\d+(?:\.\d+)?", item.value.text)
    if number is None:
        return None
    unit = find_unit(item.unit.text) if item.unit else None
    id = item.name.analyte or find_analyte(" ".join(item.names))
    if id is None:
        if item.range is None or len(item.name.text) < 2 or ":" in item.name.text:
            return None
        return PictureValue(item.name.text, float(number.group()), unit or "", item.value.text, printed=item.name.text,
            printed_unit=item.unit.text if item.unit else "", limit=_limit(item.value), arrow=item.arrow, low=item.range.low,
            high=item.range.high, score=round(item.value.line.score, 3), box=_box(item.value.line), doubt="name")  # fmt: skip
    if unit == "%" and words().analytes[id].unit != "%":
        id = find_analyte(item.name.text + "%") or id
    analyte = words().analytes[id]
    if unit == POWER and analyte.unit.startswith("10*"):
        unit = analyte.unit
    factor = 1.0 if unit in (None, analyte.unit) else analyte.units.get(unit or "")
    doubt = None
    if factor is None:
        factor, doubt = 1.0, "unit"
    elif unit is None and analyte.unit != "1":
        doubt = "unit" if analyte.units else None
    low, high = (
        None if bound is None else round(bound * factor, 4) for bound in ((item.range.low, item.range.high) if item.range else (None, None))
    )
    return PictureValue(
        name=analyte.name,
        value=round(float(number.group()) * factor, 4),
        unit=analyte.unit,
        text=item.value.text,
        vital=analyte.vital,
        analyte=id,
        printed=item.name.text,
        printed_unit=item.unit.text if item.unit else "",
        limit=_limit(item.value),
        arrow=item.arrow,
        low=low,
        high=high,
        score=round(item.value.line.score, 3),
        doubt=doubt,
        box=_box(item.value.line),
    )


def _limit(token: Token) -> str | None:
    return None if token.kind != "bound" else "<" if token.high is not None else ">"


def _checked(value: PictureValue, *, arrows: bool) -> PictureValue:
    """The value with a doubt where number, arrow and range contradict each other, or the number cannot be."""
    number, analyte = value.value or 0.0, words().analytes.get(value.analyte or "")
    if value.score < SURE:
        value = value.doubted("unclear")
    if analyte and not analyte.range[0] <= number <= analyte.range[1]:
        value = value.doubted("range")
    if value.arrow and (value.low is not None or value.high is not None) and value.beyond != value.arrow:
        value = value.doubted("arrow")
    if not value.arrow and value.beyond and (arrows or _far(value)):
        value = value.doubted("arrow")
    return value


def _far(value: PictureValue) -> bool:
    number = value.value or 0.0
    return bool(value.high is not None and number > FAR * value.high) or bool(value.low is not None and number * FAR < value.low)


def _again(value: PictureValue, number: Token, image: Pixels, ocr: Ocr) -> PictureValue:
    """Read the number a second time, larger and with more room; a different reading is a doubt."""
    piece = crop(image, number.line)
    room = max(2, piece.shape[0] // 6)
    wider = cv2.copyMakeBorder(piece, room, room, room * 2, room * 2, cv2.BORDER_REPLICATE)
    larger = cv2.resize(wider, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    [(text, _)] = ocr.texts([larger])
    second = Line(text, number.line.box, 1.0)
    return value if any(token.kind == number.kind and token.text == number.text for token in tokens(second)) else value.doubted("unclear")


def _once(values: Sequence[PictureValue]) -> list[PictureValue]:
    """Each analyte once; two rows that say different things are both doubted."""
    seen: dict[str, int] = {}
    kept: list[PictureValue] = []
    for value in values:
        if value.analyte is None or value.analyte not in seen:
            if value.analyte is not None:
                seen[value.analyte] = len(kept)
            kept.append(value)
        elif kept[seen[value.analyte]].value != value.value:
            kept[seen[value.analyte]] = kept[seen[value.analyte]].doubted("twice")
            kept.append(replace(value, doubt=value.doubt or "twice"))
    return kept


def _box(line: Line) -> tuple[int, int, int, int]:
    ys = [y for _, y in line.box]
    return round(line.left), round(min(ys)), round(line.right), round(max(ys))
