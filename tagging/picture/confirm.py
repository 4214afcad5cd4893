"""What a picture's values become: words to confirm, measurements to store, and a judgement nobody has to wait for."""

from collections.abc import Sequence
from datetime import datetime

from tagging.content import default_content
from tagging.errors import InputError
from tagging.measurement import Measurement
from tagging.patient import PatientFacts
from tagging.picture.reading import PictureValue
from tagging.picture.words import words
from tagging.triage import Triage, triage_findings
from tagging.vitals import convert, get_vital, plausible


def shown_back(values: Sequence[PictureValue]) -> str:
    """The values as the family is asked to confirm them, a line each; empty when nothing was read."""
    if not values:
        return ""
    say = words().say
    lines = [in_words(value) for value in values]
    question = say["confirm_doubtful"] if any(value.doubt and value.value is not None for value in values) else say["confirm"]
    return say["separator"].join([say["seen"], *lines, *([question] if countable(values) else [])])


def countable(values: Sequence[PictureValue]) -> list[PictureValue]:
    """The values that can be confirmed: those with a number, or beyond a meter's range."""
    return [value for value in values if value.value is not None or value.limit in words().meter_limits]


def measurements(values: Sequence[PictureValue], *, at: datetime | None = None) -> list[Measurement]:
    """The values that are vitals of vitals.yml, in its units, as if they had been typed; `at` when the picture tells it."""
    found = []
    for value in countable(values):
        if value.vital is None:
            continue
        entry = get_vital(default_content(), value.vital)
        number = value.value if value.value is not None else words().meter_limits[value.limit or ""]
        try:
            number = convert(default_content(), value.vital, number, value.unit)
        except InputError:
            continue
        if not plausible(default_content(), value.vital, number, None):
            continue
        more, less = value.limit in ("HI", ">"), value.limit in ("LO", "<")
        found.append(
            Measurement(
                start=0,
                end=0,
                text=in_words(value),
                vital=value.vital,
                value=round(number, 3),
                unit=entry.unit,
                about=more or less,
                at=at,
                precision="more_than" if more else "less_than" if less else "exact",
            )
        )
    return found


def judge(values: Sequence[PictureValue], *, patient: PatientFacts, now: datetime, at: datetime | None = None) -> Triage:
    """How urgent the values would be if they are right, the doubtful ones too: what may be an emergency does not wait for a tap."""
    return triage_findings("", [], measurements(values, at=at), patient=patient, now=now, content=default_content(patient.department))


def in_words(value: PictureValue) -> str:
    """One value as the family reads it: name, number, unit, arrow, the reference range it leaves, and a mark of doubt."""
    say, units = words().say, words().shown_units
    if value.value is None and value.limit is None:
        return say["unit_unknown" if value.doubt == "unit" else "unreadable"].format(name=value.name, text=value.text)
    unit = units.get(value.unit, value.unit)
    if value.value is None:
        number, unit = say["above" if value.limit == "HI" else "below"].format(limit=value.limit), ""
    else:
        number = f"{value.limit or ''}{value.value:.10g}"
    arrow = say[value.arrow or value.beyond or ""] if value.arrow or value.beyond else ""
    span = ""
    if arrow and value.low is not None and value.high is not None:
        span = say["range"].format(low=f"{value.low:.10g}", high=f"{value.high:.10g}")
    return (
        say["line"]
        .format(name=value.name, value=number, unit=unit, arrow=arrow, range=span, doubt=say["doubt"] if value.doubt else "")
        .strip()
    )
