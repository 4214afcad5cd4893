"""What the clinical language rules find in an utterance, as spans for the intent model and as entities for the tracker."""

from typing import Any

from bot.dialogue.features import MEASUREMENT, SYMPTOM, Span
from tagging.understanding import Understanding


def spans(understood: Understanding) -> list[Span]:
    """Where measurements and the child's symptoms stand, with their stand-ins; a measurement wins over a symptom around it."""
    measured: list[Span] = [(m.start, m.end, MEASUREMENT) for m in understood.measurements]
    named = [
        (s.start, s.end, SYMPTOM)
        for s in understood.symptoms
        if s.whose == "patient" and not any(s.start < end and start < s.end for start, end, _ in measured)
    ]
    return sorted(measured + named)


def entities(understood: Understanding) -> list[dict[str, Any]]:
    """The findings as Rasa entities: `measurement` and `symptom`, each with what it is; the actions read the understanding itself."""
    found = [("measurement", m, m.vital) for m in understood.measurements] + [("symptom", s, s.concept) for s in understood.symptoms]
    return [
        {"entity": kind, "start": one.start, "end": one.end, "value": value, "extractor": "ClinicalEntities"} for kind, one, value in found
    ]


def says_something(understood: Understanding) -> bool:
    """Whether there is anything to write down: a measurement, or a symptom that the child has now."""
    return bool(understood.measurements) or any(
        s.status == "present" and s.when == "now" and s.whose == "patient" for s in understood.symptoms
    )
