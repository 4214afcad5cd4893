"""What a picture says, before anybody has confirmed it."""

from dataclasses import dataclass, replace
from datetime import date

from tagging.picture.ocr import Line


@dataclass(frozen=True)
class PictureValue:
    """One value. `name` is for families, `printed` and `text` as they stand in the picture; `value` is in `unit` (UCUM).

    `limit` is HI or LO on a meter, or < or > before a number; `value` is then the bound, or None. `arrow` is high or low as printed.
    `low` and `high` are the printed reference range, in `unit`. `vital` is the id of vitals.yml, if it is one of them, `analyte`
    that of pictures.yml. `doubt` says why the value must not be taken at its word, None when two readings agree.
    """

    name: str
    value: float | None
    unit: str
    text: str
    vital: str | None = None
    analyte: str | None = None
    printed: str = ""
    printed_unit: str = ""
    limit: str | None = None
    arrow: str | None = None
    low: float | None = None
    high: float | None = None
    score: float = 1.0
    doubt: str | None = None
    box: tuple[int, int, int, int] | None = None

    @property
    def beyond(self) -> str | None:
        """`high` or `low` when the value lies outside the printed reference range."""
        if self.value is None:
            return None
        if self.high is not None and self.value > self.high:
            return "high"
        return "low" if self.low is not None and self.value < self.low else None

    def doubted(self, why: str) -> "PictureValue":
        """The same, with a reason to doubt it; the first reason stays."""
        return self if self.doubt else replace(self, doubt=why)


@dataclass(frozen=True)
class Picture:
    """All that was read: `kind` is a device of pictures.yml, `report`, or `unknown`; `lines` is the text as it stands.

    Of a report, `person` is the name printed on it and `day` that of the sample.
    """

    kind: str
    values: tuple[PictureValue, ...]
    lines: tuple[Line, ...] = ()
    person: str | None = None
    day: date | None = None
