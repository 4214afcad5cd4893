"""Symptoms and signs in a message: which, whose, when, and whether they are said to be there."""

import re
from dataclasses import dataclass, replace

from tagging.assertion import Assertion, Span, Status, When, Whose, assess
from tagging.content import Content, default_content
from tagging.duration import duration_hours
from tagging.pattern import Hit
from tagging.text import fold


@dataclass(frozen=True)
class SymptomMention:
    """One sign: offsets (characters, end exclusive) and text as typed, concept of symptoms/, and how it is meant.

    `resolved` marks what has gone away, `hours` how long it has lasted as far as it is told.
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


# A temperature typed right behind the word belongs to the mention: 烧到38度5.
_TEMPERATURE = re.compile(
    r"(?:到了?|了|是|在|:|：|，(?=\d))?\s*(?:[34]\d(?:[.。]\d)?|[三四]十[一二三四五六七八九]?)(?:(?:度"
    r"|℃)(?:[0-9一二三四五六七八九](?![天次个小])|半)?)?"
)
_YES = re.compile(r"^(?:有点?|有的|有啊|有呢|有一点|是|是的|对|对的|嗯+|恩|会|会的|有过|刚才有)(?:啊|的|呢|哦|吧)?(?=$|[，。！,!；;\s])")
_NO = re.compile(r"^(?:没有?|没有的|没有啊|没有过|没|无|不|不会|不是|都没有?|木有|没呢)(?:啊|的|呢|哦)?(?=$|[，。！,!；;\s])")
_QUESTION = re.compile(r"[?？]|[吗么嘛呢没]$|有没有|有无|是否|是不是|会不会|没有$")


def find_symptoms(text: str, *, context: str | None, content: Content | None = None) -> list[SymptomMention]:
    """Every concept of symptoms/ mentioned in `text`, in order of appearance.

    `context` is the line before: after 有没有抽搐？ a bare 有 or 没有 is a mention of what was asked.
    """
    tables = content or default_content()
    folded = fold(text)
    hits = [_with_temperature(folded, hit) for hit in tables.lexicon.scan(folded)]
    assertions = assess(folded, [Span(hit.start, hit.end, hit.gaps) for hit in hits])
    mentions = [_mention(text, folded, hit, assertion, tables) for hit, assertion in zip(hits, assertions, strict=True)]
    if context:
        mentions = [*_answered(text, folded, fold(context), tables), *mentions]
    return mentions


def _with_temperature(folded: str, hit: Hit) -> Hit:
    if hit.key not in ("fever", "high_fever", "low_fever"):
        return hit
    match = _TEMPERATURE.match(folded, hit.end)
    return replace(hit, end=match.end()) if match and match.end() > hit.end and re.search(r"[\d十]", match.group()) else hit


def _mention(text: str, folded: str, hit: Hit, assertion: Assertion, tables: Content) -> SymptomMention:
    concept = tables.symptoms.concepts[hit.key]
    status = assertion.status
    # Asking whether it is a disease asserts nothing; asking whether a sign is one means that something is seen.
    if status == "possible" and concept.kind == "diagnosis":
        status = "asked"
    return SymptomMention(
        hit.start, hit.end, text[hit.start : hit.end], hit.key, concept.name, status, assertion.whose, assertion.when,
        assertion.resolved, duration_hours(folded, hit.start, hit.end),
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
        asked = list(dict.fromkeys(hit.key for hit in tables.lexicon.scan(questions)))
        # A yes to a list of signs does not say which.
        status: Status = "absent" if no else "present" if len(asked) == 1 else "possible"
        match = no or yes
        if match:
            answered += [_answer(text, match, key, status, tables) for key in asked]
    return answered


def _answer(text: str, match: re.Match[str], key: str, status: Status, tables: Content) -> SymptomMention:
    start, end = match.span()
    return SymptomMention(start, end, text[start:end], key, tables.symptoms.concepts[key].name, status, "patient", "now")
