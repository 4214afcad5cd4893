"""Birth weight and gestational age, which hospitals send as observations of the newborn."""

import re
from collections.abc import Iterable

from integrations.hl7.segment import Segment

# LOINC; elsewhere the name tells.
BIRTH_WEIGHT, GESTATIONAL_AGE = {"8339-4", "56056-5"}, {"11884-4", "11885-1", "18185-9"}
_HINT = re.compile(r"8339-4|56056-5|1188[45]-\d|18185-9|出生|胎龄|birth weight|gestational age", re.IGNORECASE)
# Grams and weeks beyond which a value is a mistake: the lightest and heaviest newborns that lived, and the span of pregnancies.
GRAMS, WEEKS = (200, 10_000), (20, 45)
_NUMBER = re.compile(r"\d{1,5}(?:\.\d{1,3})?")
_WEEKS = re.compile(r"(\d{2})(?:[+周wW\s]{1,3}[0-6][天dD]?|\.\d{1,2})?[周wW]?")


def birth_weight(segments: Iterable[Segment]) -> float | None:
    """Grams, None if none is told or it cannot be."""
    for obx in _of(segments, BIRTH_WEIGHT, ("出生体重", "出生体质量", "BIRTH WEIGHT")):
        number = _NUMBER.fullmatch(obx.get(5))
        unit = obx.get(6).lower()
        if number is not None and unit in ("g", "克", "kg", "公斤", "千克"):
            grams = float(number[0]) * (1 if unit in ("g", "克") else 1_000)
            if GRAMS[0] <= grams <= GRAMS[1]:
                return round(grams, 1)
    return None


def gestational_age(segments: Iterable[Segment]) -> int | None:
    """Completed weeks (33+6 are 33), None if none is told or it cannot be."""
    for obx in _of(segments, GESTATIONAL_AGE, ("胎龄", "出生孕周", "GESTATIONAL AGE")):
        found = _WEEKS.fullmatch(obx.get(5))
        if found is not None and WEEKS[0] <= int(found[1]) <= WEEKS[1] and obx.get(6).lower() in ("", "周", "w", "wk", "week", "weeks"):
            return int(found[1])
    return None


def _of(segments: Iterable[Segment], codes: set[str], names: tuple[str, ...]) -> Iterable[Segment]:
    for segment in segments:
        # Few results are these, and a message may have hundreds.
        if (
            segment.name == "OBX"
            and _HINT.search(segment.raw(3))
            and (segment.get(3) in codes or segment.get(3, 2).upper() in names or segment.get(3).upper() in names)
        ):
            yield segment
