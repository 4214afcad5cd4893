"""What both forms of a query are held to. Each check gives a mistake's code and values, or None; the caller knows the place."""

import unicodedata
from typing import Any

from tagging.cohort.measure import measure_of, unit_mistake
from tagging.cohort.query import (
    LONGEST_NAME,
    MOST_DAYS,
    MOST_MEASURES,
    MOST_NUMBER,
    AgeTerm,
    SinceTerm,
    Span,
    Term,
    TrendTerm,
    ValueTerm,
)
from tagging.cohort.words import say

# Nobody has lived longer.
MOST_AGE = {"days": 45_000, "months": 1500, "years": 125}
Mistake = tuple[str, dict[str, Any]] | None


def check_name(name: str) -> Mistake:
    """A name is short and holds nothing that a database or a page would choke on."""
    if not 0 < len(name) <= LONGEST_NAME or not name.strip() or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):
        return "bad_name", {"most": LONGEST_NAME}
    return None


def check_number(number: float, *, whole: bool, most: float | None = None) -> Mistake:
    """Days, months and years are whole and not negative, up to `most`; other numbers are finite."""
    low, high = (0, most or MOST_DAYS) if whole else (-MOST_NUMBER, MOST_NUMBER)
    # Written so that nan fails.
    if not low <= number <= high or (whole and number != int(number)):
        return "number", {"low": f"{low:g}", "high": f"{high:g}", "whole": say("mistakes.whole" if whole else "mistakes.no_nan")}
    return None


def check_span(span: Span, *, whole: bool, most: float | None = None) -> Mistake:
    """Its numbers are good and in order."""
    for number in (span.low, span.high):
        if number is not None and (wrong := check_number(number, whole=whole, most=most)):
            return wrong
    if span.low is not None and span.high is not None and span.low > span.high:
        return "range", {"low": f"{span.low:g}", "high": f"{span.high:g}"}
    return None


class Measures:
    """The measures that one query has named so far."""

    def __init__(self) -> None:
        self._codes = set[str]()

    def check(self, term: Term) -> Mistake:
        """Whether one more term keeps the query within bounds."""
        if isinstance(term, ValueTerm | TrendTerm):
            self._codes.add(measure_of(term.measure).code)
        return ("too_many_measures", {"most": MOST_MEASURES}) if len(self._codes) > MOST_MEASURES else None


def check_term(term: Term) -> Mistake:
    """Numbers and units of one term."""
    match term:
        case AgeTerm(unit, span):
            return check_span(span, whole=True, most=MOST_AGE[unit])
        case SinceTerm(span=Span() as span):
            return check_span(span, whole=True)
        case ValueTerm(measure=measure, span=Span() as span, unit=unit):
            return check_span(span, whole=False) or unit_mistake(measure_of(measure), unit)
        case _:
            return None
