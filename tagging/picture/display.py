"""Numbers on the display of a device: found by two readers, named by the words around them."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
# A row of segments less clear than this is mostly something else.
UNCLEAR = 0.1
# Room around a number, across and down in shares of its height, for each reading.
MARGINS = ((0.12, 0.1), (0.3, 0.16), (0.55, 0.22))
# What perfectly clear segments say counts as much as all readings of the recogniser.
SEGMENTS_VOTE = 4.0
CLOCK = ":"
# A meter's words for above and below its range, as segments spell them.
LIMITS = {"H1": "HI", "Lo": "LO", "L0": "LO"}


@dataclass(frozen=True)
class Number:
    """A number on the display: digits and point as read, where, how sure, and whether the segments say the same."""

    text: str
    box: Box
    score: float
    agreed: bool

    @property
    def bars(self) -> bool:
        """Only ones: what frames and streaks look like."""
        return not set(self.text) - set("1.")


def read_display(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> tuple[str, list[PictureValue]]:
    """The kind of device and its values; ("unknown", []) when the picture shows none. `image` is upright, `lines` its text."""
    kind, device = _which(lines)
    numbers = _numbers(image, lines, ocr)
    if device is None:
        return "unknown", []
    shown = device.shows
    if len(shown) == 1:
        # The clearest number that can be one: a scale's name or a frame may look like another.
        ranked = sorted(
            numbers, key=lambda number: -number.box.height * (1.0 + number.score + number.agreed) * (0.3 if number.bars else 1.0)
        )
        read = next((value for number in ranked if (value := _value(shown[0], number, device, lines)) is not None), None)
        return kind, [read] if read else []
    values = [_value(spot, number, device, lines) for spot, number in _place(numbers, shown, lines)]
    return kind, [value for value in values if value is not None]


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
        return "unknown", None
    kind = next(kind for kind in words().devices if scores[kind] == best)
    return kind, words().devices[kind]


def _numbers(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> list[Number]:
    """Every large number, each read several times by both readers."""
    places: list[tuple[Box, Row | None]] = []
    for row in find_rows(image):
        if row.clear > UNCLEAR and not any(_same_place(row.box, box) for box, _ in places):
            places.append((row.box, row))
    for line in [part for each in lines for part in _parts(each)]:
        box = _box(line)
        if not _is_numeric(line.text):
            continue
        # Bars inside a much higher line are the halves of its digits.
        places = [
            (other, row) for other, row in places if not (_same_place(other, box) and _are_bars(row) and other.height < 0.6 * box.height)
        ]
        if not any(_same_place(box, other) for other, _ in places):
            places.append((box, None))
    tall = max((box.height for box, _ in places), default=0)
    found = (_read(image, box, row, ocr) for box, row in places if box.height >= SMALL * tall)
    return [number for number in found if number is not None]


def _read(image: Pixels, box: Box, row: Row | None, ocr: Ocr) -> Number | None:
    """One place, read at several margins; the heaviest reading counts. None for a clock, a date or no number."""
    crops = [_margin(image, box, across, down) for across, down in MARGINS]
    crops.append(cv2.GaussianBlur(crops[1], (0, 0), max(0.8, box.height * 0.02)))
    votes: defaultdict[str, float] = defaultdict(float)
    for text, score in ocr.texts(crops):
        digits = CLOCK if _TIME.search(text) else _digits(text)
        if digits:
            votes[digits] += score
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
    return Number(text, box, weights[best] / sum(weights.values()), _bare(spelled) == best)


def _place(numbers: Sequence[Number], shown: Sequence[Shown], lines: Sequence[Line]) -> list[tuple[Shown, Number]]:
    """Which number is which: by the label beside or above it, else by order."""
    free = list(numbers)
    placed: list[tuple[Shown, Number]] = []
    for spot in shown:
        label = next((line for line in lines if any(plain(line.text).startswith(plain(word)) for word in spot.labels)), None)
        if label is None or not free:
            continue
        nearest = min(free, key=lambda number: _away(number.box, label))
        if _away(nearest.box, label) < 1.6 * nearest.box.height:
            placed.append((spot, nearest))
            free.remove(nearest)
    if len(placed) < len(shown) and len(numbers) == len(shown):
        ordered = sorted(numbers, key=lambda number: (number.box.top // max(1, number.box.height // 2), number.box.left))
        return list(zip(shown, ordered, strict=True))
    return placed


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
    digits = _digits(text)
    return digits is not None and len(digits) * 2 > len(text.strip())


def _digits(text: str) -> str | None:
    """The number in a reading, if it is mostly one; HI and LO as they are."""
    if (limit := _LIMIT_READ.get(text.strip().upper())) is not None:
        return limit
    clean = re.sub(r"(?i)(?:kg|mmol/?l|mmhg|°c|℃|ºc|bpm|spo2|%|斤|g$|k$)", " ", text).strip()
    clean = clean.translate(_DIGITS).replace(" ", "")
    match = _NUMBER.fullmatch(clean.strip(".-"))
    return match.group() if match else None


def _bare(text: str) -> str:
    return text.replace(".", "")


def _margin(image: Pixels, box: Box, across: float, down: float) -> Pixels:
    high, wide = image.shape[:2]
    x, y = int(box.height * across), int(box.height * down)
    return image[max(0, box.top - y) : min(high, box.bottom + y), max(0, box.left - x) : min(wide, box.right + x)]


def _box(line: Line) -> Box:
    ys = [y for _, y in line.box]
    return Box(round(line.left), round(min(ys)), round(line.right), round(max(ys)))


def _are_bars(row: Row | None) -> bool:
    return row is not None and not set(row.text) - set("1?.")


def _same_place(a: Box, b: Box) -> bool:
    """Whether the smaller box lies mostly in the larger one."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    return across > 0 and down > 0 and across * down > 0.4 * min(a.width * a.height, b.width * b.height)
