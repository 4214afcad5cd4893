"""Which way is up: quarter turns and small angles, told by the words in the picture."""

import math
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from tagging.picture.image import Pixels
from tagging.picture.ocr import Line, Ocr
from tagging.picture.words import plain, words

# Words that are looked at; more cost time and tell no more.
WORDS = 6
# A lean of less than this reads as well as none.
LEVEL = 0.7


def turn_upright(image: Pixels, places: Sequence[Line], ocr: Ocr) -> tuple[Pixels, bool]:
    """`image` with its words level, and whether it had to be turned. `places` are where text was found in it as it is."""
    long = sorted((place for place in places if _long(place)), key=_length, reverse=True)[:WORDS]
    if not long:
        return image, False
    turned = _quarter(image, long, ocr)
    angles = [_lean(line) for line in long]
    lean = float(np.average(np.array(angles), weights=[_length(line) for line in long]))
    if max(angles) - min(angles) > 12:
        lean = float(np.median(angles))
    quarters = np.ascontiguousarray(np.rot90(image, turned)) if turned else image
    if abs(lean) < LEVEL:
        return quarters, bool(turned)
    return rotate(quarters, lean), True


def rotate(image: Pixels, degrees: float) -> Pixels:
    """`image` turned by `degrees` against the clock, with room for its corners."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    wide, tall = int(width * cosine + height * sine), int(width * sine + height * cosine)
    turn[0, 2] += (wide - width) / 2
    turn[1, 2] += (tall - height) / 2
    # Corners of one colour: streaks of repeated pixels would look like the bars of digits.
    paper = tuple(float(each) for each in np.median(image[:: max(1, height // 64), :: max(1, width // 64)], axis=(0, 1)))
    return cv2.warpAffine(image, turn, (wide, tall), borderMode=cv2.BORDER_CONSTANT, borderValue=paper)


def crop(image: Pixels, line: Line) -> Pixels:
    """The pixels of one line, level."""
    corners = np.array(line.box, dtype=np.float32)
    width, height = max(4, round(line.width)), max(4, round(line.height))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    return cv2.warpPerspective(image, cv2.getPerspectiveTransform(corners, target), (width, height), borderMode=cv2.BORDER_REPLICATE)


def _quarter(image: Pixels, places: Sequence[Line], ocr: Ocr) -> int:
    """Quarter turns against the clock that set the words upright: each is read both ways, and the better reading counts."""
    standing = sum(_length(line) for line in places if line.height > line.width)
    aside = standing * 2 > sum(_length(line) for line in places)
    crops = [crop(image, line) for line in places]
    if aside:
        crops = [np.ascontiguousarray(np.rot90(each)) for each in crops if each.shape[0] > each.shape[1]]
    votes = 0.0
    flipped = [np.ascontiguousarray(np.rot90(each, 2)) for each in crops]
    for (text, score), (other, against) in zip(ocr.texts(crops), ocr.texts(flipped), strict=True):
        # Digits read well upside down; letters and characters do not.
        votes += score * _letters(text) - against * _letters(other)
    return (1 if aside else 0) + (2 if votes < 0 else 0)


def _letters(text: str) -> float:
    """How much a reading says about its direction: nothing when it could be digits upside down, much when it is a word we know."""
    compact = plain(text)
    if not set(compact) - _DIGITLIKE:
        return 0.0
    known = 3.0 if any(word in compact for word in _known_words()) else 0.0
    return known + math.sqrt(sum(2.0 if "一" <= sign <= "鿿" else 1.0 if sign.isalpha() else 0.2 for sign in text))


# 7030 upside down reads OEOL.
_DIGITLIKE = set("0123456789oeilhszbgdqu|.:,'-_ ")


@cache
def _known_words() -> frozenset[str]:
    devices = words().devices.values()
    labels = (label for device in devices for spot in device.shows for label in spot.labels)
    headings = (word for column in words().headings.values() for word in column)
    everything = (plain(word) for word in (*(word for device in devices for word in device.words), *labels, *headings))
    return frozenset(word for word in everything if len(word) > 2 or "一" <= word[:1] <= "鿿")


def _long(place: Line) -> bool:
    """Whether a place is clearly longer one way; of a square one nothing can be told."""
    return place.width > 1.5 * place.height or place.height > 1.5 * place.width


def _length(place: Line) -> float:
    return max(place.width, place.height)


def _lean(line: Line) -> float:
    """The line's angle, as a small lean from level or upright, -45 to 45 degrees."""
    return (line.angle + 45) % 90 - 45
