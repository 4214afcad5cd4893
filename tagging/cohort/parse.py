"""From text to tree: `标签 早产儿 且 非 标签 化疗 且 月龄 3..12`. Recursive descent, bounded in length, depth and number of terms.

query   := every { 或 every }          every := single { 且 single }       single := 非 single | ( query ) | term
"""

from typing import NoReturn, cast

from tagging.cohort.check import Measures, Mistake, check_name, check_number, check_term
from tagging.cohort.lexer import Token, mistake, tokens
from tagging.cohort.query import (
    DEEPEST,
    MOST_NAMES,
    MOST_TERMS,
    TREND_DAYS,
    AgeTerm,
    AgeUnit,
    All,
    Any,
    DepartmentTerm,
    How,
    Not,
    PlanState,
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
    Way,
)
from tagging.cohort.words import sources, table

_TREND = "趋势"


def parse(text: str) -> Query:
    """The tree of a query. Raises CohortError with line and column."""
    parser = _Parser(text)
    found = parser.query(0)
    if parser.next.kind != "end":
        parser.fail("joined")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.terms = text, tokens(text), 0, 0
        self.measures = Measures()

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def fail(self, wanted: str) -> NoReturn:
        """What should stand here instead."""
        if self.next.kind == "end":
            raise mistake(self.text, self.next.start, "ended", wanted=table("wanted")[wanted])
        raise mistake(self.text, self.next.start, "expected", wanted=table("wanted")[wanted], found=self.next.text[:20])

    def refuse(self, token: Token, wrong: Mistake) -> None:
        """Raise at `token` what a check found, if anything."""
        if wrong is not None:
            raise mistake(self.text, token.start, wrong[0], **wrong[1])

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def took(self, *meanings: str) -> str | None:
        """The keyword's or sign's meaning, and one step on, if it is one of these."""
        if self.next.meaning in meanings:
            return self.take().meaning
        return None

    def query(self, depth: int) -> Query:
        if depth > DEEPEST:
            raise mistake(self.text, self.next.start, "too_deep", most=DEEPEST)
        return self.joined("or", depth)

    def joined(self, word: str, depth: int) -> Query:
        def part() -> Query:
            return self.joined("and", depth) if word == "or" else self.single(depth)

        parts = [part()]
        while self.took(word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return Any(tuple(parts)) if word == "or" else All(tuple(parts))

    def single(self, depth: int) -> Query:
        if depth > DEEPEST:
            raise mistake(self.text, self.next.start, "too_deep", most=DEEPEST)
        if self.took("not"):
            return Not(self.single(depth + 1))
        if self.took("("):
            inner = self.query(depth + 1)
            if not self.took(")"):
                self.fail("joined" if self.next.kind == "word" else "close")
            return inner
        return self.term()

    def term(self) -> Term:
        first = self.next
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise mistake(self.text, first.start, "too_many", most=MOST_TERMS)
        trend = first.kind == "word" and first.text.endswith(_TREND) and first.text != _TREND
        if first.meaning is None and not trend:
            self.fail("term")
        found = self.trend(first.text[: -len(_TREND)]) if trend and self.take() else self.of_keyword(first)
        self.refuse(first, check_term(found) or self.measures.check(found))
        return found

    def of_keyword(self, first: Token) -> Term:
        meaning = first.meaning or ""
        if meaning not in _TERMS:
            self.fail("term")
        self.take()
        match meaning:
            case "tag":
                return self.tag()
            case "age_days" | "age_months" | "age_years":
                return AgeTerm(cast(AgeUnit, meaning.removeprefix("age_")), self.span())
            case "sex":
                sex = self.took("male", "female", "unknown") or self.fail("sex")
                return SexTerm({"male": "M", "female": "F", "unknown": None}[sex])
            case "discharge" | "visit" | "answer":
                return SinceTerm(meaning, None if self.took("unknown") else self.span())
            case "latest":
                return self.latest()
            case "trend":
                return self.trend(self.name())
            case "department":
                return DepartmentTerm(() if self.took("unknown") else self.names())
            case "team":
                return TeamTerm(self.names())
            case _:
                template = None if self.took("any_plan") else self.name()
                state = self.took("active", "ended", "withdrawn", "never") or self.fail("state")
                return PlanTerm(template, cast(PlanState, state))

    def tag(self) -> TagTerm:
        how = "any"
        followed = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if self.next.meaning in ("any", "all", "none") and followed.meaning == "(":
            how = self.take().meaning or "any"
        names = self.names()
        found = list[str]()
        if self.took("source"):
            found.append(self.source())
            while self.took("|"):
                found.append(self.source())
        return TagTerm(names, cast(How, how), tuple(dict.fromkeys(found)), self.within())

    def source(self) -> str:
        code = sources().get(self.next.text.lower()) if self.next.kind == "word" else None
        if code is None:
            self.fail("source")
        self.take()
        return code

    def latest(self) -> ValueTerm:
        measure = self.name()
        if self.took("unknown"):
            return ValueTerm(measure, None, None, self.within())
        span = self.span(whole=False)
        unit = None
        if self.next.kind == "name" or (self.next.kind == "word" and self.next.meaning is None):
            unit = self.name()
        return ValueTerm(measure, span, unit, self.within())

    def trend(self, measure: str) -> TrendTerm:
        way = self.took("rising", "falling", "steady", "unknown") or self.fail("way")
        within = self.within()
        return TrendTerm(measure, None if way == "unknown" else cast(Way, way), TREND_DAYS if within is None else within)

    def within(self) -> int | None:
        """`90天内` or `within 90 days`, if it stands here."""
        if self.took("within"):
            days = self.days()
            if not self.took("days"):
                self.fail("days_within")
            return days
        if self.next.kind == "number":
            days = self.days()
            if not self.took("within_after"):
                self.fail("days_within")
            return days
        return None

    def days(self) -> int:
        token = self.next
        number = self.number(whole=True)
        self.refuse(token, check_number(number, whole=True))
        return int(number)

    def span(self, *, whole: bool = True) -> Span:
        sign = self.took("<=", ">=", "<", ">", "=")
        number = self.number(whole=whole) if sign or self.next.kind == "number" else self.fail("comparison")
        match sign:
            case "<=" | "<":
                return Span(high=number, high_open=sign == "<")
            case ">=" | ">":
                return Span(low=number, low_open=sign == ">")
            case "=":
                return Span(number, number)
            case _:
                return Span(number, self.number(whole=whole) if self.took("..") else number)

    def number(self, *, whole: bool) -> float:
        if self.next.kind != "number":
            self.fail("whole" if whole else "number")
        # So long a run of digits that it would be infinite is refused by the checks.
        return float(self.take().text)

    def names(self) -> tuple[str, ...]:
        """One name, or several in brackets."""
        if not self.took("("):
            return (self.name(),)
        first, found = self.next, [self.name()]
        while self.took(",", "|"):
            found.append(self.name())
            if len(found) > MOST_NAMES:
                raise mistake(self.text, first.start, "too_many_names", most=MOST_NAMES)
        if not self.took(")"):
            self.fail("close")
        return tuple(dict.fromkeys(found))

    def name(self) -> str:
        token = self.next
        if token.kind not in ("word", "name") or token.meaning in ("and", "or", "not"):
            self.fail("name")
        self.refuse(token, check_name(token.text))
        return self.take().text


_TERMS = frozenset(
    ["tag", "age_days", "age_months", "age_years", "sex", "discharge", "visit", "answer", "latest", "trend", "department", "team", "plan"],
)
