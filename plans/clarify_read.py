"""What a family's words say to clarifying questions. Pure; tagging has read the words, here they are put to the questions."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from plans.clarify import Choice, ClarifyingQuestion, Theme
from plans.taking import value_in_words
from plans.wording import say, words
from tagging.duration import duration_hours
from tagging.moment import find_moments
from tagging.numeral import HAN, parse_numeral
from tagging.text import fold

if TYPE_CHECKING:
    from tagging.understanding import Understanding

# As much of a family's own words as a summary shows.
QUOTE = 24
# Fewer characters name nothing.
LEAST = 2
_CLAUSE = re.compile(r"[，。,.！!；;、\s]+")
_DENIED = re.compile(r"没有?(?!精神|反应|力气|尿)|不是|并?不(?=抽|喘|发|带)")
_NUMBER = re.compile(rf"(?P<number>\d+|{HAN})(?:来|多)?(?:次|回|趟|遍)?")
_ACKNOWLEDGED = re.compile(r"[好的嗯恩是对哦有没行谢谢你好]+|ok", re.I)
_ORDINAL = re.compile(r"^第?(?P<number>[1-9一二三四五六七八九])(?:个|项|条)?$")


@dataclass(frozen=True)
class Fact:
    """What is known to one question: `said` in a few words, `tells` as the summary has it, `means` the sentence that triage judges."""

    said: str
    tells: str
    choice: str | None = None
    hours: float | None = None
    value: float | None = None
    means: str = ""
    ends: bool = False

    def kept(self, now: datetime) -> dict[str, Any]:
        """As it is kept with the clarification."""
        return {name: value for name, value in asdict(self).items() if value is not None} | {"at": now.isoformat()}


def read_fact(
    theme: Theme,
    question: ClarifyingQuestion,
    understanding: "Understanding",
    text: str,
    *,
    now: datetime,
    open: bool,
    tapped: str | None = None,
) -> Fact | None:
    """What `text` says to `question`; None when it says nothing to it.

    Of an `open` question bare words count (两天了, 没有), of others only what speaks for itself. `tapped` is a choice of the menu.
    """
    if (choice := question.choice(tapped) or (_labelled(question, text) if open else None)) is not None:
        return _chosen(choice)
    if question.vital is not None and question.kind in ("value", "signs", "count"):
        for measurement in understanding.measurements:
            if measurement.vital == question.vital:
                return _measured(question, measurement)
    if (signs := _signs(question, understanding)) is not None:
        return signs
    if question.kind == "duration":
        # 今天刚开始 says more than the beginning of the day.
        if open and (choice := _named(question.choices, text, least=3)) is not None:
            return _chosen(choice)
        if (hours := _lasted(theme, understanding, text, now, open)) is not None:
            return _lasting(question, hours)
    if not open:
        alone = [choice for choice in question.choices if choice.alone]
        return _chosen(choice) if (choice := _named(alone, text, least=2)) is not None else None
    return _read_open(question, understanding, text)


def _read_open(question: ClarifyingQuestion, understanding: "Understanding", text: str) -> Fact | None:
    """What bare words say to a question that has just been put."""
    if any(word in text for word in words("clarify")["unknown_words"]):
        return Fact(text[:QUOTE], say("clarify.unknown", name=question.name))
    if question.kind == "count" and (number := _counted(text)) is not None:
        return _numbered(question, number)
    if (choice := _named(question.choices, text, least=1)) is not None:
        return _chosen(choice)
    if question.kind == "words" and len(text.strip()) >= LEAST and not _ACKNOWLEDGED.fullmatch(_CLAUSE.sub("", text)):
        said = text.strip()[:QUOTE]
        return Fact(said, question.tells.format(said=said))
    if question.kind == "signs" and understanding.normal:
        return Fact(text[:QUOTE], text.strip()[:QUOTE])
    return None


def leaves(text: str) -> bool:
    """Whether the family does not want to go on."""
    return any(word in text for word in words("clarify")["leave_words"])


def _chosen(choice: Choice) -> Fact:
    return Fact(choice.label, choice.said, choice.id, hours=choice.hours, means=choice.means, ends=choice.ends)


def _measured(question: ClarifyingQuestion, measurement: Any) -> Fact:
    if question.kind == "count":
        return _numbered(question, int(measurement.value))
    told = value_in_words(measurement)
    below = question.ends_below is not None and measurement.value < question.ends_below
    return Fact(told, told, value=measurement.value, ends=below)


def _signs(question: ClarifyingQuestion, understanding: "Understanding") -> Fact | None:
    """Signs of the question that are told, there or not; those that are there count."""
    told = [m for m in understanding.symptoms if m.concept in question.signs and m.whose == "patient" and m.status != "asked"]
    there = [m for m in told if m.status in ("present", "possible") and m.when == "now" and not m.resolved]
    if there:
        names = say("echo.listed").join(dict.fromkeys(words("symptom_names").get(m.concept, m.name) for m in there))
        return Fact(names, names)
    absent = [m for m in told if m.status == "absent"]
    if not absent:
        return None
    none = question.choice("none")
    if none is not None and len({m.concept for m in absent}) > 1:
        return _chosen(none)
    names = say("echo.listed").join(dict.fromkeys(m.name.removeprefix("有") for m in absent))
    return Fact(names, none.said if none is not None and len(question.signs) == 1 else say("echo.symptom_absent", name=names))


def _lasted(theme: Theme, understanding: "Understanding", text: str, now: datetime, open: bool) -> float | None:
    """Hours: told with the sign itself, as its beginning (昨晚开始的), or, while it is asked, as any spell or moment."""
    with_sign = [m.hours for m in understanding.mentions if m.concept in theme.concepts and m.hours is not None]
    if with_sign:
        return max(with_sign)
    folded = fold(text)
    if open and (spell := duration_hours(folded, 0, len(folded))) is not None:
        return spell
    began = [moment.at or moment.since for moment in find_moments(folded, now) if open or moment.onset]
    since = [(now - at) / timedelta(hours=1) for at in began if at is not None and at < now]
    return max(since, default=None)


def _lasting(question: ClarifyingQuestion, hours: float) -> Fact:
    if hours < 1:
        said = say("clarify.minutes")
    else:
        said = say("clarify.hours", n=round(hours)) if hours < 24 else say("clarify.days", n=round(hours / 24))
    ends = any(choice.ends and choice.hours is not None and hours >= choice.hours for choice in question.choices)
    return Fact(said, question.tells.format(said=said), hours=hours, means=question.means.format(said=said), ends=ends)


def _counted(text: str) -> int | None:
    found = [parse_numeral(match["number"]).value for match in _NUMBER.finditer(fold(text))]
    return int(max(found)) if found else None


def _numbered(question: ClarifyingQuestion, number: int) -> Fact:
    ends = any(choice.ends and choice.gte is not None and number >= choice.gte for choice in question.choices)
    said = str(number)
    return Fact(said, question.tells.format(said=said), value=number, means=question.means.format(said=said), ends=ends)


def _labelled(question: ClarifyingQuestion, text: str) -> Choice | None:
    """The choice whose label, or whose place in the menu, the text is."""
    bare = _CLAUSE.sub("", text)
    place = _ORDINAL.match(bare)
    if place and question.kind == "choice" and (number := int(parse_numeral(place["number"]).value)) <= len(question.choices):
        return question.choices[number - 1]
    return next((choice for choice in question.choices if _CLAUSE.sub("", choice.label) == bare), None)


def _named(choices: Sequence[Choice], text: str, *, least: int) -> Choice | None:
    """The choice that the text names: in each clause the longest word of at least so many characters, a danger before all others."""
    named: list[Choice] = []
    for clause in _CLAUSE.split(text):
        hits = [
            (len(word), not choice.danger, choice)
            for choice in choices
            for word in (choice.label, *choice.words)
            if len(word) >= least and word in clause
        ]
        if not hits:
            continue
        choice = max(hits, key=lambda hit: hit[:2])[2]
        # 没有血: what is denied is not chosen, unless the choice itself denies (不褪色, 没量).
        denied = choice.danger and _DENIED.match(clause) and not any(_DENIED.match(word) for word in (choice.label, *choice.words))
        if denied:
            none = next((choice for choice in choices if choice.id == "none"), None)
            named += [none] if none is not None and not none.danger else []
            continue
        named.append(choice)
    return next((choice for choice in named if choice.danger), named[0] if named else None)
