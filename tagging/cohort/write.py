"""From tree to text, in Chinese or English words; what is written reads back as the same tree."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from tagging.cohort.lexer import quoted
from tagging.cohort.query import (
    AgeTerm,
    All,
    Always,
    Any,
    DepartmentTerm,
    Not,
    PlanTerm,
    Query,
    SexTerm,
    SinceTerm,
    Span,
    TagTerm,
    TeamTerm,
    Term,
    TrendTerm,
    ValueTerm,
)
from tagging.cohort.words import CHINESE, ENGLISH, table


def write(query: Query, *, english: bool = False, names: Callable[[str], str] = str) -> str:
    """`query` as text. `names` gives the name to write for a tag."""
    return _Writer(ENGLISH if english else CHINESE, names).whole(query)


class _Writer:
    def __init__(self, language: int, names: Callable[[str], str]) -> None:
        self.language, self.names = language, names

    def word(self, meaning: str) -> str:
        found: str = table("keywords")[meaning][self.language]
        return found

    def whole(self, query: Query) -> str:
        match query:
            case Not(part):
                return f"{self.word('not')} {self.part(part)}"
            case All(parts) | Any(parts):
                between = f" {self.word('and' if isinstance(query, All) else 'or')} "
                return between.join(self.part(part, inside=query) for part in parts)
            case Always():
                raise ValueError("what is true of everybody has no words")
            case term:
                return self.term(term)

    def part(self, query: Query, inside: Query | None = None) -> str:
        """In brackets where the tree would otherwise be read another way."""
        plain = isinstance(query, Not) or not isinstance(query, All | Any) or (isinstance(query, All) and isinstance(inside, Any))
        return self.whole(query) if plain else f"({self.whole(query)})"

    def term(self, term: Term) -> str:
        """One leaf."""
        match term:
            case TagTerm(tags, how, sources, within):
                said = self.listed([self.names(tag) for tag in tags], one=how == "any")
                if how != "any":
                    said = self.word(how) + said
                if sources:
                    named = "|".join(str(table("sources")[source][self.language]) for source in sources)
                    said += f" {self.word('source')} {named}"
                return f"{self.word('tag')} {said}{self.within(within)}"
            case AgeTerm(unit, span):
                return f"{self.word(f'age_{unit}')} {_span(span)}"
            case SexTerm(sex):
                said = {"M": "male", "F": "female", None: "unknown"}[sex]
                return f"{self.word('sex')} {self.word(said)}"
            case SinceTerm(event, span):
                return f"{self.word(event)} {self.word('unknown') if span is None else _span(span)}"
            case ValueTerm(measure, span, unit, within):
                compared = self.word("unknown") if span is None else _span(span)
                in_unit = f" {quoted(unit)}" if unit else ""
                return f"{self.word('latest')} {quoted(measure)} {compared}{in_unit}{self.within(within)}"
            case TrendTerm(measure, way, within):
                said = self.word("unknown" if way is None else way)
                name = quoted(measure)
                whose = f"{name}{self.word('trend')}" if self.language == CHINESE and name == measure else f"{self.word('trend')} {name}"
                return f"{whose} {said}{self.within(within)}"
            case DepartmentTerm(names):
                return f"{self.word('department')} {self.listed(names) if names else self.word('unknown')}"
            case TeamTerm(names):
                return f"{self.word('team')} {self.listed(names)}"
            case PlanTerm(template, state):
                return f"{self.word('plan')} {self.word('any_plan') if template is None else quoted(template)} {self.word(state)}"

    def listed(self, names: Sequence[str], *, one: bool = True) -> str:
        if one and len(names) == 1:
            return quoted(names[0])
        return f"({', '.join(quoted(name) for name in names)})"

    def within(self, days: int | None) -> str:
        if days is None:
            return ""
        return f" {days}{self.word('within_after')}" if self.language == CHINESE else f" {self.word('within')} {days} {self.word('days')}"


def number_text(number: float | None) -> str:
    """A number as the language reads it: never 1e+06, which would be read as two numbers and a word. Nothing for None."""
    if number is None:
        return ""
    return f"{number:.0f}" if number == int(number) else f"{Decimal(repr(number)):f}"


def _span(span: Span) -> str:
    if span.low is not None and span.high is not None:
        return number_text(span.low) if span.low == span.high else f"{number_text(span.low)}..{number_text(span.high)}"
    if span.low is not None:
        return f"{'>' if span.low_open else '>='} {number_text(span.low)}"
    return f"{'<' if span.high_open else '<='} {number_text(span.high)}"
