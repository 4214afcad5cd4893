"""DG1 and PRB (diagnoses and problems), RXA (vaccines)."""

from collections.abc import Iterator
from dataclasses import replace

from integrations.event import Coded, Diagnosed, Vaccinated
from integrations.hl7.about import About
from integrations.hl7.coded import coded, told
from integrations.hl7.segment import Segment

# LOINC: which dose of its series a vaccination is. RXA-2 counts something else.
DOSE_NUMBER = "30973-2"


def diagnoses(about: About) -> Iterator[Diagnosed]:
    """Every diagnosis; one marked as deleted (DG1-21) is over."""
    for segment in about.segments:
        if segment.name != "DG1":
            continue
        code = coded(segment, 3)
        if code.text is None and segment.get(4):
            code = Coded(code.code, segment.get(4), code.system)
        if told(code):
            yield Diagnosed(
                person=about.person,
                at=about.at,
                key=segment.get(20) or f"{about.visit or ''}|{code.code or code.text}",
                code=code,
                active=segment.get(21).upper() != "D",
                since=about.moment(segment, 5),
            )


def problems(about: About) -> Iterator[Diagnosed]:
    """Every problem of a problem list; one that is deleted, resolved or inactive is over."""
    for segment in about.segments:
        code = coded(segment, 3) if segment.name == "PRB" else Coded()
        if told(code):
            over = {segment.get(number, part).upper() for number in (13, 14) for part in (1, 2)} & {
                "INACTIVE",
                "RESOLVED",
                "CLOSED",
                "已愈",
            }
            yield Diagnosed(
                person=about.person,
                at=about.at,
                key=segment.get(4) or f"|{code.code or code.text}",
                code=code,
                active=segment.get(1).upper() != "DE" and not segment.get(9) and not over,
                since=about.moment(segment, 16) or about.moment(segment, 7),
            )


def vaccines(about: About) -> Iterator[Vaccinated]:
    """Every vaccine: given, or refused, not given, or taken back."""
    order: Segment | None = None
    found: list[Vaccinated] = []
    doses: dict[int, int] = {}
    for segment in about.segments:
        if segment.name == "ORC":
            order = segment
        elif segment.name == "RXA" and told(coded(segment, 5)) and segment.get(5) != "998":  # CVX 998: no vaccine
            number = (order.get(3) or order.get(2)) if order is not None else ""
            code = coded(segment, 5)
            found.append(
                Vaccinated(
                    person=about.person,
                    at=about.moment(segment, 3) or about.at,
                    # One order may give several.
                    key=f"{number or segment.get(3)}|{code.code or code.text}",
                    code=code,
                    given=segment.get(20).upper() not in ("RE", "NA") and segment.get(21).upper() != "D",
                    lot=segment.get(15) or None,
                )
            )
        elif segment.name == "OBX" and found and segment.get(3) == DOSE_NUMBER and segment.get(5).isascii() and segment.get(5).isdigit():
            doses[len(found) - 1] = int(segment.get(5)[:2])
    for place, one in enumerate(found):
        yield replace(one, dose_number=doses.get(place))
