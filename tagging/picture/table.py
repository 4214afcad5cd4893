"""Pieces of text that stand on one line of a page, put together although the page is bent and leaning."""

from collections.abc import Sequence

import numpy as np

from tagging.picture.ocr import Line

# A piece this many times longer than high tells the direction of the writing.
LONG = 2.5


def rows(lines: Sequence[Line]) -> list[list[Line]]:
    """The pieces by row, top to bottom, each row left to right."""
    if not lines:
        return []
    height = float(np.median([line.height for line in lines]))
    levels = _levels(lines)
    order = sorted(range(len(lines)), key=levels.__getitem__)
    found: list[list[int]] = []
    for number in order:
        if found and levels[number] - np.mean([levels[each] for each in found[-1]]) < 0.55 * height:
            found[-1].append(number)
        else:
            found.append([number])
    return [sorted((lines[number] for number in row), key=lambda line: line.centre[0]) for row in found]


def _levels(lines: Sequence[Line]) -> list[float]:
    """The height at which each piece's row meets the left edge: slopes are taken as linear over the page, which fits a tilted sheet."""
    long = [line for line in lines if line.width > LONG * line.height]
    if len(long) < 6:
        slope = float(np.median([np.tan(np.radians(line.angle)) for line in long])) if long else 0.0
        return [line.centre[1] - line.centre[0] * slope for line in lines]
    places = np.array([[1.0, *line.centre] for line in long])
    slopes = np.tan(np.radians([line.angle for line in long]))
    weights = np.sqrt([line.width for line in long])
    scale = np.array([1.0, *(1 / max(1.0, float(np.ptp(places[:, axis]))) for axis in (1, 2))])
    for _ in range(2):
        fit, *_ = np.linalg.lstsq(places * scale * weights[:, None], slopes * weights, rcond=None)
        off = np.abs(places * scale @ fit - slopes)
        weights = weights / (1 + (off / (np.median(off) + 0.004)) ** 2)
    constant, per_x, per_y = fit * scale
    # Along a row the slope changes with x only; its mean between the left edge and x is that at x / 2.
    return [y - x * float(constant + per_x * x / 2 + per_y * y) for x, y in (line.centre for line in lines)]
