"""Numbers on the display of a device: found by two readers, named by the words around them."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2

from tagging.content import default_content
from tagging.errors import InputError
from tagging.picture.image import Pixels
from tagging.picture.ocr import Line, Ocr
from tagging.picture.reading import PictureValue
from tagging.picture.segments import Box, Row, find_rows
from tagging.picture.words import Device, Shown, plain, words
from tagging.vitals import convert, get_vital, plausible

# What a recogniser reads for segment digits.
_DIGITS = str.maketrans(
    {
        "O": "0",
        "o": "0",
        "D": "0",
        "Q": "0",
        "I": "1",
        "l": "1",
        "i": "1",
        "|": "1",
        "!": "1",
        "Z": "2",
        "z": "2",
        "S": "5",
        "s": "5",
        "B": "8",
        "q": "9",
        "。": ".",
        "，": ".",
        ",": ".",
        "·": ".",
        "'": ".",
    }
)
_LIMIT_READ = {"HI": "HI", "H1": "HI", "HL": "HI", "LO": "LO", "L0": "LO"}
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,3})?")
_TIME = re.compile(r"\d\s*[:：]\s*\d|\d\s*[-/]\s*\d|\d{4}\.\d|[年月日]")
# A number this much lower than the tallest of the display is a clock, a date or a memory place.
SMALL = 0.55
# A row of segments that is narrower than this share of the line it lies in is a part of the number.
WHOLE = 0.72
# A row of segments less clear than this is mostly something else.
UNCLEAR = 0.1
# Room around a number, across and down in shares of its height, for each reading.
MARGINS = ((0.12, 0.1), (0.3, 0.16), (0.55, 0.22))
# What perfectly clear segments say counts as much as all readings of the recogniser.
SEGMENTS_VOTE = 4.0
# The recogniser's lines have this much room around their digits, in shares of their height.
ROOM = 0.17
# A line twice as high as the digits in it has swallowed two rows of them.
TWO_ROWS = 0.45
CLOCK = ":"
# Devices that may be told by the unit alone.
BY_UNIT = ("thermometer", "glucose_meter", "scale")
# A number with one decimal in this range, alone on a picture, is most likely a temperature; it is doubted all the same.
LONE_TEMPERATURE = (34.0, 42.5)
# A meter's words for above and below its range, as segments spell them.
LIMITS = {"H1": "HI", "Lo": "LO", "L0": "LO"}


@dataclass(frozen=True)
class Number:
    """A number on the display: digits and point as read, where, how sure, whether the segments say the same, and the line it stands in."""

    text: str
    box: Box
    score: float
    agreed: bool
    printed: str = ""

    @property
    def bars(self) -> bool:
        """Only ones: what frames and streaks look like."""
        return not set(self.text) - set("1.")


def read_display(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> tuple[str, list[PictureValue]]:
    """The kind of device and its values; ("unknown", []) when the picture shows none. `image` is upright, `lines` its text."""
    kind, device = _which(lines)
    numbers = _numbers(image, lines, ocr)
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
            return [Number(match[each], _box(line), line.score, False, line.text) for each in (1, 2)]
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


def _numbers(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> list[Number]:
    """Every large number, each read several times by both readers."""
    places: list[tuple[Box, Row | None, str]] = []
    for row in find_rows(image):
        if row.clear > UNCLEAR and not any(_same_place(row.box, box) for box, _, _ in places):
            places.append((row.box, row, ""))
    for line in [part for each in lines for part in _parts(each)]:
        if _is_numeric(line.text):
            places = _with_line(places, _box(line), line.text)
    tall = max((box.height for box, _, _ in places), default=0)
    found = (_read(image, box, row, text, ocr) for box, row, text in places if box.height >= SMALL * tall)
    return [number for number in found if number is not None]


def _with_line(places: list[tuple[Box, Row | None, str]], box: Box, text: str) -> list[tuple[Box, Row | None, str]]:
    """The places with a numeric line of the recogniser among them: rows that are parts of it give way, rows as wide as it stay."""
    here = [place for place in places if _same_place(place[0], box)]
    if any(not _inside(other, box) or (other.height < TWO_ROWS * box.height and not _are_bars(row)) for other, row, _ in here):
        # A line over two rows of digits, or over the edge of one, is misread.
        return places
    elsewhere = [place for place in places if place not in here]
    for other, row, _ in here:
        if row is not None and other.width > WHOLE * _without_room(box).width:
            return [*elsewhere, (other, row, text)]
    return [*elsewhere, (_without_room(box), None, text)]


def _read(image: Pixels, box: Box, row: Row | None, printed: str, ocr: Ocr) -> Number | None:
    """One place, read at several margins; the heaviest reading counts. None for a clock, a date or no number."""
    crops = [_margin(image, box, across, down) for across, down in MARGINS]
    crops.append(cv2.GaussianBlur(crops[1], (0, 0), max(0.8, box.height * 0.02)))
    votes: defaultdict[str, float] = defaultdict(float)
    for text, score in ocr.texts(crops):
        digits = CLOCK if _TIME.search(text) else _digits(text)
        if digits:
            votes[digits] += score
    own = _digits(printed)
    if own:
        votes[own] += 1.0
    spelled = ""
    if row is not None:
        if re.fullmatch(r"[\d.o]+", row.text) or row.text in LIMITS:
            spelled = LIMITS.get(row.text, row.text.replace("o", "0"))
        elif ":" in row.text or "-" in row.text:
            spelled = CLOCK
        if spelled:
            votes[spelled] += SEGMENTS_VOTE * row.clear
    if not votes:
        return None
    weights: defaultdict[str, float] = defaultdict(float)
    for text, weight in votes.items():
        weights[_bare(text)] += weight
    best = max(weights, key=lambda text: weights[text])
    if best == CLOCK:
        return None
    # A point is more often lost than invented.
    text = max((text for text in votes if _bare(text) == best), key=lambda text: votes[text] + (0.5 if "." in text else 0.0))
    return Number(text, box, weights[best] / sum(weights.values()), _bare(spelled) == best, printed)


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


def _parts(line: Line) -> list[Line]:
    """The numbers of a line like 98 63, each with its share of the width."""
    pieces = [(match.start(), match.end()) for match in re.finditer(r"\S+", line.text)]
    if len(pieces) < 2 or not all(_is_numeric(line.text[start:end]) for start, end in pieces):
        return [line]
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = line.box
    whole = len(line.text)
    return [
        Line(
            line.text[start:end],
            (
                (x0 + (x1 - x0) * start / whole, y0 + (y1 - y0) * start / whole),
                (x0 + (x1 - x0) * end / whole, y0 + (y1 - y0) * end / whole),
                (x3 + (x2 - x3) * end / whole, y3 + (y2 - y3) * end / whole),
                (x3 + (x2 - x3) * start / whole, y3 + (y2 - y3) * start / whole),
            ),
            line.score,
        )
        for start, end in pieces
    ]


def _is_numeric(text: str) -> bool:
    return _digits(text) is not None


def _digits(text: str) -> str | None:
    """The number in a reading, beside nothing but words that we know; HI and LO as they are."""
    if (limit := _LIMIT_READ.get(text.strip().upper())) is not None:
        return limit
    clean = _bystanders().sub(" ", text.translate(_HALVED)).strip(" .:°º")
    if len(re.findall(r"\d", clean)) * 2 < len(clean.replace(" ", "")):
        return None
    match = _NUMBER.fullmatch(clean.translate(_DIGITS).replace(" ", "").strip(".-"))
    return match.group() if match else None


_HALVED = str.maketrans({"：": ":", "％": "%", "．": ".", "（": "(", "）": ")"})


@cache
def _bystanders() -> re.Pattern[str]:
    """Labels, units and names of devices, and signs around them."""
    devices = words().devices.values()
    known = {
        word for device in devices for word in (*device.words, *device.units, *(label for spot in device.shows for label in spot.labels))
    }
    letters = sorted((word for word in known if len(word) > 1 or not word.isascii()), key=len, reverse=True)
    return re.compile("(?i)" + "|".join(re.escape(word) for word in letters) + r"|/min|次/分钟?|(?<=\d)\s*[CFgkK%]$|[()%♥:]")


def _bare(text: str) -> str:
    return text.replace(".", "")


def _margin(image: Pixels, box: Box, across: float, down: float) -> Pixels:
    high, wide = image.shape[:2]
    x, y = int(box.height * across), int(box.height * down)
    return image[max(0, box.top - y) : min(high, box.bottom + y), max(0, box.left - x) : min(wide, box.right + x)]


def _box(line: Line) -> Box:
    ys = [y for _, y in line.box]
    return Box(round(line.left), round(min(ys)), round(line.right), round(max(ys)))


def _without_room(line: Box) -> Box:
    room = int(ROOM * line.height)
    across = min(room, line.width // 4)
    return Box(line.left + across, line.top + room, line.right - across, line.bottom - room)


def _inside(small: Box, large: Box) -> bool:
    across = min(small.right, large.right) - max(small.left, large.left)
    down = min(small.bottom, large.bottom) - max(small.top, large.top)
    return across > 0 and down > 0 and across * down > 0.7 * small.width * small.height


def _are_bars(row: Row | None) -> bool:
    return row is not None and not set(row.text) - set("1?.")


def _same_place(a: Box, b: Box) -> bool:
    """Whether the smaller box lies mostly in the larger one."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    return across > 0 and down > 0 and across * down > 0.4 * min(a.width * a.height, b.width * b.height)
