"""Large numbers on a display: found and read several times by both readers, and what they agree on."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2

from tagging.picture.image import Pixels
from tagging.picture.ocr import Line, Ocr
from tagging.picture.segments import Box, Row, find_rows
from tagging.picture.words import words

# What a recogniser reads for segment digits.
_DIGITS = str.maketrans("OoDQIli|!ZzSsBq。，,·'", "000011111225589.....")
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
# A meter's words for above and below its range, as segments spell them.
LIMITS = {"H1": "HI", "Lo": "LO", "L0": "LO"}
_HALVED = str.maketrans({"：": ":", "％": "%", "．": ".", "（": "(", "）": ")"})


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


def find_numbers(image: Pixels, lines: Sequence[Line], ocr: Ocr) -> list[Number]:
    """Every large number, each read several times by both readers."""
    places: list[tuple[Box, Row | None, str]] = []
    for row in find_rows(image):
        if row.clear > UNCLEAR and not any(_same_place(row.box, box) for box, _, _ in places):
            places.append((row.box, row, ""))
    for line in [part for each in lines for part in _parts(each)]:
        if _is_numeric(line.text):
            places = _with_line(places, box_of(line), line.text)
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


def box_of(line: Line) -> Box:
    """The level rectangle around a line."""
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
