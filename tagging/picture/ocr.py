"""Text in pixels: the port that the readers use, and RapidOCR behind it, with the models of its wheel and no network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tagging.picture.image import Pixels

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class Line:
    """One piece of text: its four corners (clockwise from the top left, in pixels), and the recogniser's score from 0 to 1."""

    text: str
    box: Corners
    score: float

    @cached_property
    def centre(self) -> Point:
        """The middle of the box."""
        return sum(x for x, _ in self.box) / 4, sum(y for _, y in self.box) / 4

    @cached_property
    def width(self) -> float:
        """Length along the writing."""
        return (math.dist(self.box[0], self.box[1]) + math.dist(self.box[3], self.box[2])) / 2

    @cached_property
    def height(self) -> float:
        """Length across the writing."""
        return (math.dist(self.box[0], self.box[3]) + math.dist(self.box[1], self.box[2])) / 2

    @cached_property
    def angle(self) -> float:
        """Direction of the writing in degrees, 0 is level, positive turns clockwise."""
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = self.box
        return math.degrees(math.atan2(y1 - y0 + y2 - y3, x1 - x0 + x2 - x3))

    @property
    def left(self) -> float:
        """Leftmost x."""
        return min(x for x, _ in self.box)

    @property
    def right(self) -> float:
        """Rightmost x."""
        return max(x for x, _ in self.box)


class Ocr(Protocol):
    """What the readers need of an engine."""

    def find(self, image: Pixels) -> list[Corners]:
        """Where text is, top to bottom."""
        ...

    def texts(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score of each crop that holds one level line; ("", 0.0) for one that holds none."""
        ...


class RapidEngine:
    """RapidOCR with PP-OCR models on ONNX Runtime, one thread; what it costs stands in docs/evaluation/pictures.md.

    Its classifier that turns single lines by 180° stays off: on segment displays it reads 90 as 06.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    @cached_property
    def _engine(self) -> Any:
        # With the first picture that can be opened at all: it takes a second.
        import rapidocr

        models = Path(rapidocr.__file__).parent / "models"
        return rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.text_score": 0.0,
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # A path that is given is never looked up or fetched.
                "Det.model_path": str(_only(models, "*_det_*.onnx")),
                "Rec.model_path": str(_only(models, "*_rec_*.onnx")),
                # The caller chooses the scale.
                "Global.max_side_len": 4000,
                "Det.limit_type": "max",
                "Det.limit_side_len": 4000,
                # Short cells are not padded to the width of a sentence: half the time for a report.
                "Rec.rec_img_shape": [3, 48, 128],
            }
        )

    def find(self, image: Pixels) -> list[Corners]:
        """Where text is, top to bottom."""
        found = self._engine(image, use_det=True, use_rec=False)
        return [] if found.boxes is None else [_corners(box) for box in found.boxes]

    def texts(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score of each crop."""
        read = []
        for crop in crops:
            found = self._engine(crop, use_det=False, use_rec=True)
            read.append((found.txts[0].strip(), float(found.scores[0])) if found.txts else ("", 0.0))
        return read


def _corners(box: Any) -> Corners:
    """The corners clockwise from the one whose edge runs most nearly level to the right; RapidOCR begins anywhere when text stands."""
    points = [(float(x), float(y)) for x, y in np.asarray(box)]
    first = max(range(4), key=lambda at: _rightward(points[at], points[(at + 1) % 4]))
    a, b, c, d = points[first:] + points[:first]
    return a, b, c, d


def _rightward(start: Point, end: Point) -> float:
    return (end[0] - start[0]) / (math.dist(start, end) or 1.0)


def _only(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]
