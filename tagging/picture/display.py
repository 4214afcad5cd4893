"""Numbers on the display of a device: found by two readers, named by the words around them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tagging.content import default_content
from tagging.errors import InputError
from tagging.picture.image import Pixels
from tagging.picture.numbers import LIMITS, Number, box_of, find_numbers
from tagging.picture.ocr import Line, Ocr
from tagging.picture.reading import PictureValue
from tagging.picture.segments import Box
from tagging.picture.words import Device, Shown, plain, words
from tagging.vitals import convert, get_vital, plausible

# Devices that may be told by the unit alone.
BY_UNIT = ("thermometer", "glucose_meter", "scale")
# A number with one decimal in this range, alone on a picture, is most likely a temperature; it is doubted all the same.
LONE_TEMPERATURE = (34.0, 42.5)


def read_display(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> tuple[str, list[PictureValue]]:
    """The kind of device and its values; ("unknown", []) when the picture shows none. `image` is upright, `lines` its text."""
    kind, device = _which(lines)
    numbers = find_numbers(image, lines, ocr)
    if device is None:
        return "unknown", _lone_temperature(numbers, lines)
    shown = device.shows
    if kind == "blood_pressure" and (pair := _fraction(lines)):
        values = [_value(spot, number, device, lines) for spot, number in zip(shown, pair, strict=False)]
        return kind, [value for value in values if value is not None]
    if len(shown) == 1:
        # The clearest number that can be one: a scale's name or a frame may look like another.
        ranked = sorted(
            numbers, key=lambda number: -number.box.height * (1.0 + number.score + number.agreed) * (0.3 if number.bars else 1.0)
        )
        read = next((value for number in ranked if (value := _value(shown[0], number, device, lines)) is not None), None)
        return kind, [read] if read else []
    found = [value for spot, number in _place(numbers, shown, lines) if (value := _value(spot, number, device, lines)) is not None]
    return kind, _in_sense(found)


def _in_sense(values: list[PictureValue]) -> list[PictureValue]:
    """A systolic pressure not above the diastolic one tells that something was taken for something else."""
    by_vital = {value.vital: value.value for value in values}
    upper, lower = by_vital.get("systolic_bp"), by_vital.get("diastolic_bp")
    if upper is None or lower is None or upper > lower:
        return values
    return [value.doubted("order") for value in values]


def _lone_temperature(numbers: Sequence[Number], lines: Sequence[Line]) -> list[PictureValue]:
    """The only number of a picture without any word, if it can be a temperature."""
    tens = [number for number in numbers if re.fullmatch(r"\d\d\.\d", number.text)]
    if len(tens) != 1 or not LONE_TEMPERATURE[0] <= float(tens[0].text) <= LONE_TEMPERATURE[1] or len(lines) > 2:
        return []
    device = words().devices["thermometer"]
    value = _value(device.shows[0], tens[0], device, lines)
    return [value.doubted("device")] if value is not None else []


def _fraction(lines: Sequence[Line]) -> list[Number]:
    """Systolic and diastolic of 128/82."""
    for line in lines:
        match = re.search(r"(?<!\d)(\d{2,3})\s*/\s*(\d{2,3})(?!\d)", line.text)
        if match and int(match[1]) > int(match[2]):
            return [Number(match[each], box_of(line), line.score, False, line.text) for each in (1, 2)]
    return []


def _which(lines: Sequence[Line]) -> tuple[str, Device | None]:
    """The device whose words are all around."""
    everything = [plain(line.text) for line in lines]
    scores: Counter[str] = Counter()
    for kind, device in words().devices.items():
        for word in device.words:
            wanted = plain(word)
            if len(wanted) <= 2 and wanted.isascii() and wanted.isalnum():
                hit = any(re.search(rf"(?<![a-z]){re.escape(wanted)}(?![a-z])|^.{re.escape(wanted)}$", text) for text in everything)
            else:
                hit = any(wanted in text for text in everything)
            scores[kind] += hit
    best = max(scores.values(), default=0)
    if not best:
        # 3450 g: the unit behind the number tells.
        kind = next((kind for kind in BY_UNIT if _unit(words().devices[kind], lines)[0]), "unknown")
        return kind, words().devices.get(kind)
    kind = next(kind for kind in words().devices if scores[kind] == best)
    return kind, words().devices[kind]


def _place(numbers: Sequence[Number], shown: Sequence[Shown], lines: Sequence[Line]) -> list[tuple[Shown, Number]]:
    """Which number is which: by the label beside or above it, else by order."""
    free = list(numbers)
    placed: list[tuple[Shown, Number]] = []
    for spot in shown:
        own = next((number for number in free if any(plain(word) in plain(number.printed) for word in spot.labels)), None)
        if own is not None:
            placed.append((spot, own))
            free.remove(own)
            continue
        label = next((line for line in lines if any(plain(line.text).startswith(plain(word)) for word in spot.labels)), None)
        if label is None or not free:
            continue
        nearest = min(free, key=lambda number: _away(number.box, label))
        if _away(nearest.box, label) < 1.6 * nearest.box.height:
            placed.append((spot, nearest))
            free.remove(nearest)
    if not placed and len(numbers) == len(shown):
        return list(zip(shown, _in_order(numbers), strict=True))
    left = [spot for spot in shown if all(spot is not taken for taken, _ in placed)]
    return [*placed, (left[0], free[0])] if len(left) == len(free) == 1 else placed


def _in_order(numbers: Sequence[Number]) -> list[Number]:
    """Top to bottom, or left to right when they stand side by side."""
    middles = [(number.box.top + number.box.bottom) / 2 for number in numbers]
    beside = max(middles) - min(middles) < 0.6 * max(number.box.height for number in numbers)
    return sorted(numbers, key=lambda number: number.box.left if beside else number.box.top)


def _away(box: Box, label: Line) -> float:
    """How far a label is from the number it may name; beside counts less than above or below another number."""
    x, y = label.centre
    across = max(box.left - label.right, label.left - box.right, 0.0)
    down = max(box.top - y, y - box.bottom, 0.0)
    return across + 1.5 * down + abs((box.left + box.right) / 2 - x) * 0.1


def _value(spot: Shown, number: Number, device: Device, lines: Sequence[Line]) -> PictureValue | None:
    tables = default_content()
    entry = get_vital(tables, spot.vital)
    unit_printed, unit = _unit(device, lines) if len(device.shows) == 1 else ("", None)
    box = (number.box.left, number.box.top, number.box.right, number.box.bottom)
    read = PictureValue(
        entry.name, None, entry.unit, number.text, spot.vital, printed_unit=unit_printed, score=round(number.score, 3), box=box
    )
    text = number.text
    if text in LIMITS.values() and spot.vital in ("glucose", "blood_ketone"):
        return replace(read, limit=text, doubt=None if number.agreed or number.score > 0.85 else "unclear")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return None
    value = float(text)
    doubt = None if number.agreed and number.score > 0.5 else None if number.score > 0.85 else "unclear"
    if spot.vital == "temperature" and "." not in text and 300 <= value <= 430:
        value, doubt = value / 10, "point"
    if spot.vital == "weight" and unit is None:
        # 斤 or 公斤 is never guessed.
        return replace(read, doubt="unit")
    try:
        converted = convert(tables, spot.vital, value, unit)
    except InputError:
        return None
    if not plausible(tables, spot.vital, converted, None):
        return None
    if spot.vital == "glucose" and converted < words().meter_limits["LO"]:
        # No meter shows that as a number: it is LO, read as 1.0.
        return replace(read, limit="LO", doubt="unclear")
    return replace(read, value=round(converted, 4), doubt=doubt)


def _unit(device: Device, lines: Sequence[Line]) -> tuple[str, str | None]:
    """The printed unit and the name that vitals.yml has for it; a digit's edge may stick to it."""
    for printed, unit in sorted(device.units.items(), key=lambda pair: -len(pair[0])):
        for line in lines:
            text, wanted = plain(line.text), plain(printed)
            stuck = len(wanted) > 1 and text.endswith(wanted) and len(text) <= len(wanted) + 1
            if text == wanted or stuck or re.search(rf"\d{re.escape(wanted)}$", text):
                return printed, unit
    return "", None
