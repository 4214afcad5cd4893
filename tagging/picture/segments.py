"""Seven-segment digits found and decoded by their segments: a second reader that cannot take a 1 for a 7."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from tagging.picture.image import Pixels

# Digit heights that are looked for, in pixels of an image WORK pixels long; each finds ± 30 %.
WORK = 960
HEIGHTS = (34, 50, 75, 112, 168, 250, 370)
# Segments do not touch each other; they are joined over gaps of these shares of the height, across and down.
JOINS = ((0.06, 0.09), (0.1, 0.14))
# Digits of one number follow each other at less than this share of their height (0.55 to 0.75 is usual, more around a point).
PITCH = 0.92

#  a
# f b    Which segments a sign lights; some makers leave the foot of 9 or the hat of 6 away, or put a hook on 7.
#  g
# e c
#  d
_LIT = {
    "abcdef": "0", "bc": "1", "abged": "2", "abgcd": "3", "fgbc": "4", "afgcd": "5", "afgedc": "6", "fgedc": "6", "abc": "7", "fabc": "7",
    "abcdefg": "8", "abfgcd": "9", "abfgc": "9", "g": "-", "fbgec": "H", "fed": "L", "gced": "o", "ef": "1",
}  # fmt: skip
SIGNS = {frozenset(lit): sign for lit, sign in _LIT.items()}


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Row:
    """A row of digits: what the segments say, where it stands in the given image, and how clearly (0 to 1)."""

    text: str
    box: Box
    clear: float


def find_rows(image: Pixels) -> list[Row]:
    """Rows of segment digits in an upright image, the clearest first; rows that share their place are given once.

    `text` holds digits, `.`, `:`, `-`, H, L and o; a sign that is no digit is `?`.
    """
    scale = WORK / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    grey = cv2.createCLAHE(2.0, (4, 4)).apply(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    found: list[Row] = []
    for height in HEIGHTS:
        for ink in (grey, 255 - grey):
            found += _rows_of(ink, height)
    kept: list[Row] = []
    # Two halves of a digit look like two small ones: the larger finding goes first.
    for row in sorted((row for row in found if _is_number(row.text)), key=lambda row: -row.clear * len(row.text) * row.box.height):
        if not any(_shared(row.box, other.box) > 0.3 for other in kept):
            kept.append(row)
    return [
        Row(row.text, Box(*(round(v / scale) for v in (row.box.left, row.box.top, row.box.right, row.box.bottom))), row.clear)
        for row in kept
    ]


def _is_number(text: str) -> bool:
    """Two signs at least, and not only bars: a frame's corner looks like L, its side like 1."""
    signs = text.replace(".", "")
    return signs in ("H1", "Lo", "L0") or (len(signs) > 1 and bool(re.search(r"[02-9]|11", signs)) and not re.search("[LHo]", signs))


def _rows_of(grey: Pixels, height: int) -> Iterator[Row]:
    """Rows of dark digits about `height` pixels high."""
    block = int(height * 1.3) | 1
    blurred = cv2.GaussianBlur(grey, (0, 0), max(height * 0.012, 0.6))
    mean = cv2.boxFilter(blurred, cv2.CV_32F, (block, block))
    square = cv2.sqrBoxFilter(blurred, cv2.CV_32F, (block, block))
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    ink = ((blurred < mean - 0.25 * spread - 4) & (spread > 12)).astype(np.uint8)
    strokes, dots = _sorted_components(ink, height)
    for across, down in JOINS:
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (max(3, int(height * across)), max(3, int(height * down))))
        joint = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, kernel)
        count, _, stats, _ = cv2.connectedComponentsWithStats(joint, connectivity=8)
        boxes = [Box(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in stats[1:count]]
        tall = [box for box in boxes if 0.72 * height <= box.height <= 1.35 * height and box.width <= 0.95 * height]
        flat = [box for box in boxes if box.height < 0.3 * height and 0.2 * height < box.width < 0.7 * height]
        for digits in _lined_up(tall, height):
            row = _decode(blurred, strokes, digits, dots, flat)
            if row is not None and (set(row.text) - set("1?.") or _stands_free(strokes, digits)):
                yield row


def _stands_free(strokes: Pixels, digits: list[Box]) -> bool:
    """Whether nothing goes on above or below: the bars of a large digit's upper half look like a small 11."""
    for box in digits:
        gap, strip = max(2, int(0.05 * box.height)), int(0.22 * box.height)
        for top, bottom in ((box.top - gap - strip, box.top - gap), (box.bottom + gap, box.bottom + gap + strip)):
            beyond = strokes[max(0, top) : max(0, bottom), box.left : box.right]
            if beyond.size and beyond.mean() > 0.25:
                return False
    return True


def _sorted_components(ink: Pixels, height: int) -> tuple[Pixels, list[Box]]:
    """Strokes that can belong to a digit, as an image; and dots. Frames and shadows are too large, dust is too small."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    wide, tall, area = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    dot = (wide < 0.24 * height) & (tall < 0.24 * height) & (area > 0.003 * height * height)
    stroke = (wide < 1.0 * height) & (tall < 1.4 * height) & ((wide >= 0.27 * height) | (tall >= 0.27 * height))
    stroke[0] = dot[0] = False
    dots = [Box(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in stats[dot]]
    return stroke[labels].astype(np.uint8), dots


def _lined_up(boxes: list[Box], height: int) -> Iterator[list[Box]]:
    """Boxes side by side on one level, of one height. A 1 stands at the right of its place, so right edges keep the distance."""
    waiting = sorted(boxes, key=lambda box: box.right)
    while waiting:
        row = [waiting.pop(0)]
        for box in list(waiting):
            last = row[-1]
            tall = max(box.height, last.height)
            level = abs(box.top - last.top) < 0.2 * tall and abs(box.bottom - last.bottom) < 0.2 * tall
            if level and box.right - last.right < PITCH * tall and box.left - last.right > -0.05 * tall:
                row.append(box)
                waiting.remove(box)
        yield row


def _decode(grey: Pixels, strokes: Pixels, digits: list[Box], dots: list[Box], flat: list[Box]) -> Row | None:
    """The signs of one row; None when most of it is no segment digit."""
    clean = _without_ghosts(grey, strokes, digits)
    digits = [
        box
        for box in digits
        if clean[box.top : box.bottom, box.left : box.right].sum() > 0.3 * strokes[box.top : box.bottom, box.left : box.right].sum()
    ]
    full = [box for box in digits if box.width > 0.3 * box.height]
    if not digits:
        return None
    wide = float(np.median([box.width for box in full])) if full else 0.52 * float(np.median([box.height for box in digits]))
    signs, clearness = [], []
    for box in digits:
        sign, clear = _sign(clean, box, wide)
        signs.append(sign)
        clearness.append(clear)
    if all(sign == "?" for sign in signs) or signs.count("?") * 2 > len(signs):
        return None
    text = signs[0]
    for (before, after), sign in zip(pairwise(digits), signs[1:], strict=True):
        joint = _between(before, after, dots, flat)
        text += ("" if text.endswith(".") and joint == "." else joint) + sign
    text = text.rstrip(".")
    whole = Box(digits[0].left, min(b.top for b in digits), digits[-1].right, max(b.bottom for b in digits))
    return Row(text, whole, float(np.mean(clearness)))


def _without_ghosts(grey: Pixels, strokes: Pixels, digits: list[Box]) -> Pixels:
    """Strokes nearer to the ink than to the paper of this row: unlit segments of an LCD are a shade darker than the paper."""
    left, right = digits[0].left, digits[-1].right
    top, bottom = min(box.top for box in digits), max(box.bottom for box in digits)
    inside = strokes[top:bottom, left:right] > 0
    paper = float(np.median(grey[top:bottom, left:right][~inside])) if (~inside).any() else 255.0
    ink = float(np.percentile(grey[top:bottom, left:right][inside], 20)) if inside.any() else 0.0
    return strokes & (grey < (paper + ink) / 2).astype(np.uint8)


def _between(before: Box, after: Box, dots: list[Box], flat: list[Box]) -> str:
    """A point, colon or dash between two digits."""
    top, bottom = min(before.top, after.top), max(before.bottom, after.bottom)
    high, reach = bottom - top, 0.16 * (bottom - top)
    inside = [
        d
        for d in dots
        if before.right - reach <= (d.left + d.right) / 2 <= after.left + reach and top <= (d.top + d.bottom) / 2 <= bottom + 0.1 * high
    ]
    low = [dot for dot in inside if (dot.top + dot.bottom) / 2 > bottom - 0.22 * high]
    middle = [dot for dot in inside if top + 0.15 * high < (dot.top + dot.bottom) / 2 < bottom - 0.2 * high]
    if len(middle) >= 2:
        return ":"
    if low:
        return "."
    if any(
        before.right <= box.left and box.right <= after.left and abs((box.top + box.bottom) / 2 - (top + bottom) / 2) < 0.15 * high
        for box in flat
    ):
        return "-"
    return ""


def _sign(strokes: Pixels, box: Box, wide: float) -> tuple[str, float]:
    """The sign in `box`, with a point if one touches it, and how clearly its segments stand apart from what is unlit."""
    best = ("?", 0.0)
    for slant in (0.0, 0.06, 0.12, 0.18, -0.06):
        upright = _deslanted(strokes[box.top : box.bottom, box.left : box.right] * 255, slant)
        body, point = _without_point(upright)
        if body.shape[1] < 0.36 * box.height and body.shape[1] < 0.7 * wide:
            # Only the bar of a 1 is that narrow, and it is nearly filled.
            fill = float(body.mean()) / 255
            sign, clear = ("1", min(1.0, fill + 0.2)) if fill > 0.55 else ("?", 0.0)
        else:
            sign, clear = _lit(body)
        if sign != "?" and clear > best[1]:
            best = (sign + point, clear)
    return best


def _lit(body: Pixels) -> tuple[str, float]:
    """The sign whose segments are filled."""
    straight = cv2.resize(body, (_CELL_W, _CELL_H), interpolation=cv2.INTER_AREA) / 255
    fills = {name: float(straight[zone].mean()) for name, zone in _zones().items()}
    sign = SIGNS.get(frozenset(name for name, fill in fills.items() if fill > 0.5), "?")
    # The holes of a real digit are empty; a letter's or a blot's are not.
    holes = max(float(straight[hole].mean()) for hole in _holes())
    return ("?" if sign == "1" else sign), min(abs(fill - 0.5) for fill in fills.values()) * 2 - max(0.0, holes - 0.3)


def _without_point(digit: Pixels) -> tuple[Pixels, str]:
    """The digit without a point at its foot that blur has joined to it."""
    columns = np.flatnonzero(digit[: int(digit.shape[0] * 0.78)].any(axis=0))
    if not columns.size:
        return digit, ""
    foot = digit.shape[1] - 1 - int(columns[-1])
    return digit[:, columns[0] : columns[-1] + 1], "." if foot > 0.07 * digit.shape[0] else ""


def _deslanted(digit: Pixels, slant: float) -> Pixels:
    """The digit with its foot moved right by `slant` of its height, cut to its ink."""
    if not slant:
        return digit
    height = digit.shape[0]
    room = int(abs(slant) * height) + 1
    shift = np.array([[1, slant, room if slant < 0 else 0], [0, 1, 0]], dtype=np.float32)
    sheared = cv2.warpAffine(digit, shift, (digit.shape[1] + room, height))
    columns = np.flatnonzero(sheared.any(axis=0))
    return sheared[:, columns[0] : columns[-1] + 1] if columns.size else digit


_CELL_W, _CELL_H = 40, 72


@lru_cache(maxsize=1)
def _zones() -> dict[str, tuple[slice, slice]]:
    """Where each segment of a digit that fills the cell is looked for."""
    t, w, h = 9, _CELL_W, _CELL_H
    across = slice(12, w - 12)
    upper, lower = slice(14, h // 2 - 8), slice(h // 2 + 8, h - 14)
    return {
        "a": (slice(1, t - 2), across),
        "g": (slice(h // 2 - 3, h // 2 + 3), across),
        "d": (slice(h - t + 2, h - 1), across),
        "f": (upper, slice(1, t - 2)),
        "b": (upper, slice(w - t + 2, w - 1)),
        "e": (lower, slice(1, t - 2)),
        "c": (lower, slice(w - t + 2, w - 1)),
    }


@lru_cache(maxsize=1)
def _holes() -> tuple[tuple[slice, slice], ...]:
    return ((slice(19, 26), slice(16, 24)), (slice(46, 53), slice(16, 24)))


def _shared(a: Box, b: Box) -> float:
    """How much of the smaller box lies in the other."""
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    return 0.0 if across <= 0 or down <= 0 else across * down / min(a.width * a.height, b.width * b.height)
