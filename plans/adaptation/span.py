"""Lengths of time as rules write them: 30m, 24h, 3d."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from plans.adaptation.words import say

_SPAN = re.compile(r"(\d{1,5})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def span_of(text: Any) -> Any:
    """The length of a text; what is none already is left to the checks. Raises ValueError with a sentence."""
    if isinstance(text, timedelta):
        return text
    match = _SPAN.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(say("mistakes.span", text=text))
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Duration = Annotated[timedelta, BeforeValidator(span_of)]
