"""Several amounts asked in one question (how often fed, how much, how many wet diapers) are told apart by their units, not by luck.

The language layer reads a bare number against one line before; a question for three numbers at once is no such line.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from plans.template import Question
from tagging.content import default_content
from tagging.measurement import Measurement, find_measurements
from tagging.numeral import NUMBER, parse_numeral
from tagging.patient import PatientFacts
from tagging.text import clause_bounds, fold
from tagging.vitals import get_vital, plausible

# 每3小时一次 is a rhythm, not how often in a day.
_RHYTHM = re.compile(r"每|隔|小时|钟头|分钟|点|一次")


def read_amounts(
    text: str, question: Question, *, known: Iterable[str], patient: PatientFacts, now: datetime
) -> tuple[list[Measurement], list[str]]:
    """The amounts of `question` in `text`, and what has to be asked back. `known` are the vitals that were answered before.

    When a single part is still open, a bare number is its answer; otherwise a number needs its unit (8次, 60毫升, 7片).
    """
    known = set(known)
    open_parts = [vital for vital in question.required if vital not in known]
    context = question.missing.get(open_parts[0]) if known and len(open_parts) == 1 else None
    found, asked = find_measurements(text, context=context, patient=patient, now=now)
    found = [m for m in found if m.vital in question.vitals]
    folded = fold(text)
    for vital, units in question.units.items():
        if any(m.vital == vital for m in found):
            continue
        pattern = re.compile(rf"(?P<number>{NUMBER.pattern})\s*(?:{'|'.join(map(re.escape, units))})")
        for match in pattern.finditer(folded):
            if any(m.start < match.end() and match.start() < m.end for m in found):
                continue
            start, end = clause_bounds(folded, match.start())
            value = parse_numeral(match["number"]).value
            entry = get_vital(default_content(), vital)
            rhythm = entry.unit == "/d" and _RHYTHM.search(folded[start:end])
            if rhythm or not plausible(default_content(), vital, value, patient.age_days):
                continue
            found.append(Measurement(*match.span(), text[match.start() : match.end()], vital, value, entry.unit, False, None))
            break
    return sorted(found, key=lambda m: m.start), asked
