"""The signs that the red-flag rules look at: from words, from values of this message, and from what the record remembers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagging.content import Content
from tagging.measurement import Measurement
from tagging.patient import PatientFacts, Reading
from tagging.symptom import SymptomMention
from tagging.topic import is_knowledge_question
from tagging.vitals import meanings

# Readings of one illness lie closer together than this (R): families measure a fever at least once a day and a half.
SAME_ILLNESS = timedelta(hours=36)


@dataclass(frozen=True)
class Sign:
    """A concept that holds for somebody now: why, how long (hours), whether it is only possible, and whether only the record says it."""

    concept: str
    because: str
    hours: float | None = None
    possible: bool = False
    remembered: bool = False


def told_tags(mentions: Iterable[SymptomMention], content: Content) -> frozenset[str]:
    """Tags that the words of the message imply (化疗回来发烧); a question or another person's illness implies none."""
    told = (content.symptoms.concepts[m.concept].tag for m in mentions if m.whose == "patient" and m.status in ("present", "possible"))
    return frozenset(tag for tag in told if tag)


def patient_signs(text: str, mentions: Sequence[SymptomMention], content: Content) -> Iterator[Sign]:
    """What the message says of this child, now. A question of knowledge (高血压吃什么好) asserts no disease."""
    asks_only = bool(mentions) and is_knowledge_question(text)
    for mention in mentions:
        concept = content.symptoms.concepts[mention.concept]
        current = mention.when == "now" or concept.tag is not None
        if asks_only and concept.tag is None:
            continue
        if mention.whose == "patient" and current and mention.status in ("present", "possible"):
            yield from _with_implied(mention, content)


def bystander_signs(mentions: Iterable[SymptomMention], content: Content) -> Iterator[Sign]:
    """What the message says of anybody else."""
    for mention in mentions:
        if mention.whose != "patient" and mention.status in ("present", "possible") and mention.when != "hypothetical":
            yield from _with_implied(mention, content)


def value_signs(measurements: Iterable[Measurement], content: Content) -> Iterator[Sign]:
    """What the values of the message count as (38.5 ℃ is fever)."""
    for measurement in measurements:
        because = f"「{measurement.text}」[{measurement.start}:{measurement.end}]"
        for concept in meanings(content, measurement.vital, measurement.judged):
            yield Sign(concept, because)


def remembered_signs(patient: PatientFacts, now: datetime, content: Content) -> Iterator[Sign]:
    """What earlier readings still count as, for as long as vitals.yml says; `hours` tells since when of the same illness."""
    for vital_id in dict.fromkeys(reading.vital for reading in patient.history):
        entry = content.vitals.vitals.get(vital_id)
        for meaning in entry.means if entry else ():
            if meaning.remember_hours is None:
                continue
            like = [r for r in patient.readings(vital_id, now) if meaning.holds(r.value)]
            if like and now - like[-1].at <= timedelta(hours=meaning.remember_hours):
                hours = (now - _first_of_run(like).at).total_seconds() / 3600
                because = f"{entry.name if entry else vital_id} {like[-1].value:g} at {like[-1].at.isoformat(timespec='minutes')}"
                yield Sign(meaning.concept, because, hours, remembered=True)


def _first_of_run(readings: Sequence[Reading]) -> Reading:
    first = readings[-1]
    for reading in reversed(readings[:-1]):
        if first.at - reading.at > SAME_ILLNESS:
            break
        first = reading
    return first


def _with_implied(mention: SymptomMention, content: Content) -> Iterator[Sign]:
    because = f"「{mention.text}」[{mention.start}:{mention.end}]"
    sign = Sign(mention.concept, because, mention.hours, mention.status == "possible")
    yield sign
    for implied in content.symptoms.concepts[mention.concept].implies:
        yield replace(sign, concept=implied)
