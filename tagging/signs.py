"""The signs that the red-flag rules look at: from words, from values of this message, and from what the record remembers."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagging.content import Content
from tagging.measurement import Measurement
from tagging.patient import PatientFacts, Reading
from tagging.symptom import SymptomMention
from tagging.text import SENTENCE_END
from tagging.topic import is_knowledge_question, is_only_learning
from tagging.vitals import meanings

# Readings of one illness lie closer together than this (R): families measure a fever at least once a day and a half.
SAME_ILLNESS = timedelta(hours=36)

# Right behind a sign: it has healed or was operated long ago.
_HEALED = re.compile(
    r"(?:的|了|手术|石膏|后|以后|伤口|这次|那次|，|,| |已经|现在|都|也){0,6}"
    r"(?:恢复(?:得|的)?(?:很|挺|还|蛮|非常|特别)?(?:好|不错|正常)|拆(?:了)?石膏|做完[^，。]{0,3}(?:年|个?月)|长好了|拆线|痊愈)"
)
# The family itself is not sure of what it saw.
_DOUBT = re.compile(
    r"(?:拿不准|说不准|看不(?:太)?准|(?<!说明书)(?<!标签)(?<!医嘱)(?<!药盒)没看清|看不清楚|不(?:太)?确定|不敢确定|也?说不好|吃不准|不知道(?:是不是|算不算)|好像又)(?!要|该|怎么|去|用|需|啥|什么)"
)
# 嘴唇是不是有点发紫: something is seen, and the family asks whether it is that.
_ASKED_INSIDE = re.compile("是不是|是否|会不会是")


@dataclass(frozen=True)
class Sign:
    """A concept that holds for somebody now: why, how long (hours), whether it is only possible, whether only the record says it, and
    where it begins in the message."""

    concept: str
    because: str
    hours: float | None = None
    possible: bool = False
    remembered: bool = False
    at: int | None = None


def told_tags(mentions: Iterable[SymptomMention], content: Content) -> frozenset[str]:
    """Tags that the words of the message imply (化疗回来发烧); a question or another person's illness implies none."""
    told = (content.symptoms.concepts[m.concept].tag for m in mentions if m.whose == "patient" and m.status in ("present", "possible"))
    return frozenset(tag for tag in told if tag)


def patient_signs(text: str, mentions: Sequence[SymptomMention], content: Content) -> Iterator[Sign]:
    """What the message says of this child, now.

    A question of knowledge (高血压吃什么好) asserts no sign, nor does one that is long healed (骨折恢复得很好). A sign of the past counts
    as `<concept>_past` where the tables know that concept.
    """
    concepts = content.symptoms.concepts
    sentences = _Sentences(text) if mentions else None
    for mention in mentions:
        concept = concepts[mention.concept]
        inside = concept.kind != "diagnosis" and bool(_ASKED_INSIDE.search(mention.text))
        if mention.whose != "patient" or not (mention.status in ("present", "possible") or (mention.status == "asked" and inside)):
            continue
        if sentences and sentences.only_learning:
            continue
        if concept.tag is None and sentences and (sentences.asks_knowledge(mention.start) or _HEALED.match(text, mention.end)):
            continue
        if mention.when == "now":
            yield from _with_implied(mention, content, doubted=inside or bool(sentences and sentences.doubtful))
        elif mention.when == "past":
            for name in (mention.concept, *concept.implies):
                if f"{name}_past" in concepts:
                    yield replace(_sign(mention), concept=f"{name}_past")


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
            yield Sign(concept, because, at=measurement.start)


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


def _with_implied(mention: SymptomMention, content: Content, *, doubted: bool = False) -> Iterator[Sign]:
    sign = _sign(mention)
    if doubted:
        sign = replace(sign, possible=True)
    yield sign
    for implied in content.symptoms.concepts[mention.concept].implies:
        yield replace(sign, concept=implied)


def _sign(mention: SymptomMention) -> Sign:
    because = f"「{mention.text}」[{mention.start}:{mention.end}]"
    return Sign(mention.concept, because, mention.hours, mention.status == "possible", at=mention.start)


class _Sentences:
    """What is told of whole sentences, read once for all mentions in them."""

    def __init__(self, text: str):
        self._text = text
        self.only_learning = is_only_learning(text)
        self.doubtful = bool(_DOUBT.search(text))
        self._ends = [mark.end() for mark in SENTENCE_END.finditer(text)]
        self._known: dict[int, bool] = {}

    def asks_knowledge(self, position: int) -> bool:
        """Whether the sentence at `position` asks what an encyclopaedia answers."""
        number = bisect_right(self._ends, position)
        if number not in self._known:
            start = self._ends[number - 1] if number else 0
            end = self._ends[number] if number < len(self._ends) else len(self._text)
            self._known[number] = is_knowledge_question(self._text[start:end])
        return self._known[number]
