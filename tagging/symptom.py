"""Symptoms and signs in a message: which, whose, when, and whether they are said to be there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tagging.assertion import Assertion, Span, Status, When, Whose, assess
from tagging.content import Content, default_content
from tagging.duration import duration_hours
from tagging.fever import fever_temperatures, temperature_after
from tagging.lexicon import Hit
from tagging.mention import FEVERS, name_symptoms
from tagging.quality import Severity, Trend, quality
from tagging.site import site_of
from tagging.text import fold


@dataclass(frozen=True)
class SymptomMention:
    """One sign: offsets (characters, end exclusive) and text as typed, concept of symptoms/, and how it is meant.

    `resolved` marks what has gone away, `hours` how long it has lasted as far as it is told, `recurrent` what keeps coming back,
    `site` the part of the body (sites.yml), `by_value` a fever told by a temperature alone.
    """

    start: int
    end: int
    text: str
    concept: str
    name: str
    status: Status
    whose: Whose
    when: When
    resolved: bool = False
    hours: float | None = None
    severity: Severity | None = None
    trend: Trend | None = None
    recurrent: bool = False
    site: str | None = None
    by_value: bool = False


_YES = re.compile(r"^(?:有点?|有的|有啊|有呢|有一点|是|是的|对|对的|嗯+|恩|会|会的|有过|刚才有)(?:啊|的|呢|哦|吧)?(?=$|[，。！,!；;\s])")
_NO = re.compile(r"^(?:没有?|没有的|没有啊|没有过|没|无|不|不会|不是|都没有?|木有|没呢)(?:啊|的|呢|哦)?(?=$|[，。！,!；;\s])")
_QUESTION = re.compile(r"[?？]|[吗么嘛呢没]$|有没有|有无|是否|是不是|会不会|没有$")


# So many signs stand in no message that somebody wrote; of the rest, the first of each concept is taken as there, unread (R).
MOST = 300


@dataclass(frozen=True)
class Symptoms:
    """What a message says of symptoms: `signs` as triage sees them, which may overlap, and `mentions`, each told once."""

    signs: list[SymptomMention]
    mentions: list[SymptomMention]


def read_symptoms(text: str, *, context: str | None, medicines: Iterable[tuple[int, int]] = (), content: Content | None = None) -> Symptoms:
    """The signs and the mentions of `text` in one reading (see find_symptoms, find_mentions)."""
    tables = content or default_content()
    folded = fold(text)
    found = tables.lexicon.find(folded)
    answered = _answered(text, folded, fold(context), tables) if context else []
    signs = _judged(text, folded, [_with_temperature(folded, hit) for hit in found.signs], tables)
    mentions = _judged(text, folded, name_symptoms(folded, found, medicines, tables), tables)
    values = {span[:2] for span in fever_temperatures(folded)}
    mentions = [replace(mention, by_value=True) if (mention.start, mention.end) in values else mention for mention in mentions]
    return Symptoms([*answered, *signs], [*answered, *mentions])


def find_symptoms(text: str, *, context: str | None, content: Content | None = None) -> list[SymptomMention]:
    """Every sign of symptoms/ in `text` as triage sees them, in order: signs may overlap (喘得厉害: laboured breathing and wheezing).

    `context` is the line before: after 有没有抽搐？ a bare 有 or 没有 is a mention of what was asked.
    """
    tables = content or default_content()
    folded = fold(text)
    signs = _judged(text, folded, [_with_temperature(folded, hit) for hit in tables.lexicon.find(folded).signs], tables)
    return [*_answered(text, folded, fold(context), tables), *signs] if context else signs


def find_mentions(
    text: str, *, context: str | None, medicines: Iterable[tuple[int, int]] = (), content: Content | None = None
) -> list[SymptomMention]:
    """The symptoms that `text` names, each told once in the words that name it (see tagging.mention), and findings that all is well.

    `medicines` are the places (start, end) of medicines, whose names are no symptoms (感冒灵).
    """
    return read_symptoms(text, context=context, medicines=medicines, content=content).mentions


def _with_temperature(folded: str, hit: Hit) -> Hit:
    """A temperature typed right behind a word of fever belongs to the mention: 烧到38度5."""
    end = temperature_after(folded, hit.end) if hit.key in FEVERS else None
    return Hit(hit.start, end, hit.key, hit.gaps) if end else hit


def _judged(text: str, folded: str, hits: Sequence[Hit], tables: Content) -> list[SymptomMention]:
    read = hits[:MOST]
    concepts = tables.symptoms.concepts
    assertions = assess(folded, [Span(hit.start, hit.end, () if concepts[hit.key].whole else hit.gaps) for hit in read])
    judged = [_mention(text, folded, hit, assertion, tables) for hit, assertion in zip(read, assertions, strict=True)]
    rest = {hit.key: hit for hit in reversed(hits[MOST:])}
    return judged + [_plain(text, hit, tables) for hit in sorted(rest.values(), key=lambda hit: hit.start)]


def _plain(text: str, hit: Hit, tables: Content) -> SymptomMention:
    name = tables.symptoms.concepts[hit.key].name
    return SymptomMention(hit.start, hit.end, text[hit.start : hit.end], hit.key, name, "present", "patient", "now")


def _mention(text: str, folded: str, hit: Hit, assertion: Assertion, tables: Content) -> SymptomMention:
    told = quality(folded, hit.start, hit.end)
    hours = duration_hours(folded, hit.start, hit.end)
    concept = tables.symptoms.concepts[hit.key]
    if concept.whole:
        assertion = replace(assertion, status="present", when="now")
    status = assertion.status
    # Asking whether it is a disease asserts nothing; asking whether a sign is one means that something is seen.
    if status == "possible" and concept.kind == "diagnosis":
        status = "asked"
    # What might come is not there, what might go is not gone: 万一抽了, 如果不烧了.
    if status in ("present", "absent") and assertion.when == "hypothetical":
        status = "possible"
    return SymptomMention(
        hit.start, hit.end, text[hit.start : hit.end], hit.key, concept.name, status, assertion.whose, assertion.when,
        assertion.resolved, hours, told.severity, told.trend, told.recurrent, site_of(folded, hit.start, hit.end),
    )  # fmt: skip


def _answered(text: str, folded: str, context: str, tables: Content) -> list[SymptomMention]:
    answered = []
    for answer in tables.symptoms.answers:
        if re.search(answer.asked, context):
            match = next((m for reply in answer.reply if (m := re.match(reply, folded))), None)
            if match:
                answered.append(_answer(text, match, answer.concept, "present", tables))
    yes, no = _YES.match(folded), _NO.match(folded)
    # Only what the questions themselves name: an offer may follow an article that names every danger sign.
    sentences = re.findall(r"[^。！!\n]*?(?:[?？]|(?=[。！!\n])|$)", context)
    questions = "\n".join(sentence for sentence in sentences if _QUESTION.search(sentence))
    if (yes or no) and questions:
        keys = list(dict.fromkeys(hit.key for hit in tables.lexicon.find(questions).signs))
        # Signs that only help triage say again what another names.
        asked = [key for key in keys if tables.symptoms.concepts[key].kind != "context"] or keys
        # A yes to a list of signs does not say which.
        status: Status = "absent" if no else "present" if len(asked) == 1 else "possible"
        match = no or yes
        if match:
            answered += [_answer(text, match, key, status, tables) for key in asked]
    return answered


def _answer(text: str, match: re.Match[str], key: str, status: Status, tables: Content) -> SymptomMention:
    start, end = match.span()
    hours = duration_hours(fold(text), start, end)
    return SymptomMention(start, end, text[start:end], key, tables.symptoms.concepts[key].name, status, "patient", "now", hours=hours)
