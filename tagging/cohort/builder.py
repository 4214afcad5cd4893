"""The builder form: a query as JSON, for pages that put it together by clicks. What the text can say, this can, and the other way round.

{"all": [{"tag": {"any": ["preterm"], "from": ["his"], "within_days": 90}}, {"not": {"age": {"unit": "months", "ge": 3, "le": 12}}}]}
"""

from collections.abc import Mapping, Sequence
from typing import Any as Json
from typing import NoReturn

from tagging.cohort.check import Measures, Mistake, check_name, check_number, check_term
from tagging.cohort.query import (
    DEEPEST,
    MOST_NAMES,
    MOST_TERMS,
    TREND_DAYS,
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
from tagging.cohort.words import CohortError, say, table

_ENDS = ("ge", "gt", "le", "lt")
_TERMS = ("tag", "age", "sex", "since", "latest", "trend", "department", "team", "plan")


def build(query: Query) -> dict[str, Json]:
    """The builder form of `query`."""
    match query:
        case Not(part):
            return {"not": build(part)}
        case All(parts):
            return {"all": [build(part) for part in parts]}
        case Any(parts):
            return {"any": [build(part) for part in parts]}
        case Always():
            raise ValueError("what is true of everybody has no form")
        case term:
            return _built(term)


def read(form: Json) -> Query:
    """The tree of a builder form, as `json.loads` gives it. Raises CohortError with the path of what is wrong."""
    return _Reader().query(form, "$", 0)


def _built(term: Term) -> dict[str, Json]:
    match term:
        case TagTerm(tags, how, sources, within):
            return {"tag": {how: list(tags), **({"from": list(sources)} if sources else {}), **_within(within)}}
        case AgeTerm(unit, span):
            return {"age": {"unit": unit, **_ends(span)}}
        case SexTerm(sex):
            return {"sex": sex}
        case SinceTerm(event, span):
            return {"since": {"event": event, **_ends(span)}}
        case ValueTerm(measure, span, unit, within):
            return {"latest": {"of": measure, **_ends(span), **({"unit": unit} if unit else {}), **_within(within)}}
        case TrendTerm(measure, way, within):
            return {"trend": {"of": measure, "way": way, "within_days": within}}
        case DepartmentTerm(names):
            return {"department": list(names)}
        case TeamTerm(names):
            return {"team": list(names)}
        case PlanTerm(template, state):
            return {"plan": {"template": template, "state": state}}


def _ends(span: Span | None) -> dict[str, Json]:
    if span is None:
        return {"unknown": True}
    low = {} if span.low is None else {"gt" if span.low_open else "ge": span.low}
    return low | ({} if span.high is None else {"lt" if span.high_open else "le": span.high})


def _within(days: int | None) -> dict[str, int]:
    return {} if days is None else {"within_days": days}


class _Reader:
    def __init__(self) -> None:
        self.terms, self.measures = 0, Measures()

    def fail(self, path: str, code: str, **values: object) -> NoReturn:
        path = path[:200]
        raise CohortError(code, say("mistakes.where_path", path=path) + say(f"mistakes.{code}", **values), path=path)

    def refuse(self, path: str, wrong: Mistake) -> None:
        if wrong is not None:
            self.fail(path, wrong[0], **wrong[1])

    def query(self, form: Json, path: str, depth: int) -> Query:
        if depth > DEEPEST:
            self.fail(path, "too_deep", most=DEEPEST)
        if not isinstance(form, Mapping) or len(form) != 1:
            self.fail(path, "kind", wanted=table("wanted")["one_term"])
        [(name, inner)] = form.items()
        path = f"{path}.{str(name)[:40]}"
        if name == "not":
            return Not(self.query(inner, path, depth + 1))
        if name in ("all", "any"):
            if not isinstance(inner, list) or len(inner) < 2:
                self.fail(path, "kind", wanted=table("wanted")["list"])
            if len(inner) > MOST_TERMS:
                self.fail(path, "too_many", most=MOST_TERMS)
            parts = tuple(self.query(part, f"{path}[{number}]", depth + 1) for number, part in enumerate(inner))
            return All(parts) if name == "all" else Any(parts)
        self.terms += 1
        if self.terms > MOST_TERMS:
            self.fail(path, "too_many", most=MOST_TERMS)
        if name not in _TERMS:
            self.fail(path, "field", found=str(name)[:40], wanted="、".join(("all", "any", "not", *_TERMS)))
        term = self.term(str(name), inner, path)
        self.refuse(path, check_term(term) or self.measures.check(term))
        return term

    def term(self, name: str, inner: Json, path: str) -> Term:
        match name:
            case "sex":
                return SexTerm(self.one_of(inner, ("M", "F", None), path))
            case "department":
                return DepartmentTerm(self.names(inner, path, least=0))
            case "team":
                return TeamTerm(self.names(inner, path))
            case "tag":
                return self.tag(inner, path)
            case "age":
                self.fields(inner, path, "unit", *_ENDS)
                unit = self.one_of(inner.get("unit"), ("days", "months", "years"), f"{path}.unit")
                return AgeTerm(unit, self.span(inner, path))
            case "since":
                self.fields(inner, path, "event", "unknown", *_ENDS)
                event = self.one_of(inner.get("event"), ("discharge", "visit", "answer"), f"{path}.event")
                return SinceTerm(event, self.span_or_unknown(inner, path))
            case "latest":
                self.fields(inner, path, "of", "unknown", "unit", "within_days", *_ENDS)
                unit = inner.get("unit")
                span = self.span_or_unknown(inner, path)
                if span is None and unit is not None:
                    self.fail(path, "field", found="unit", wanted="of、unknown、within_days")
                unit = None if unit is None else self.name(unit, f"{path}.unit")
                return ValueTerm(self.name(inner.get("of"), f"{path}.of"), span, unit, self.within(inner, path))
            case "trend":
                self.fields(inner, path, "of", "way", "within_days")
                way = self.one_of(inner.get("way"), ("rising", "falling", "steady", None), f"{path}.way")
                within = self.within(inner, path)
                return TrendTerm(self.name(inner.get("of"), f"{path}.of"), way, TREND_DAYS if within is None else within)
            case _:
                self.fields(inner, path, "template", "state")
                template = inner.get("template")
                state = self.one_of(inner.get("state"), ("active", "ended", "withdrawn", "never"), f"{path}.state")
                return PlanTerm(None if template is None else self.name(template, f"{path}.template"), state)

    def tag(self, inner: Json, path: str) -> TagTerm:
        self.fields(inner, path, "any", "all", "none", "from", "within_days")
        how = [each for each in ("any", "all", "none") if each in inner]
        if len(how) != 1:
            self.fail(path, "missing", wanted="any / all / none")
        tags = self.names(inner[how[0]], f"{path}.{how[0]}")
        known = tuple(table("sources"))
        given = inner.get("from", [])
        if not isinstance(given, list) or len(given) > len(known):
            self.fail(f"{path}.from", "kind", wanted=table("wanted")["list"])
        sources = tuple(dict.fromkeys(self.one_of(each, known, f"{path}.from") for each in given))
        return TagTerm(tags, how[0], sources, self.within(inner, path))  # type: ignore[arg-type]

    def fields(self, inner: Json, path: str, *known: str) -> None:
        if not isinstance(inner, Mapping):
            self.fail(path, "kind", wanted=table("wanted")["object"])
        for name in inner:
            if name not in known:
                self.fail(path, "field", found=str(name)[:40], wanted="、".join(known))

    def one_of(self, value: Json, known: Sequence[Json], path: str) -> Json:
        # Lists and objects cannot be looked up; True would pass for 1.
        if not isinstance(value, str | None) or value not in known:
            self.fail(path, "field", found=str(value)[:40], wanted="、".join("null" if each is None else each for each in known))
        return value

    def span_or_unknown(self, inner: Mapping[str, Json], path: str) -> Span | None:
        if "unknown" not in inner:
            return self.span(inner, path)
        if inner["unknown"] is not True or any(end in inner for end in _ENDS):
            self.fail(f"{path}.unknown", "field", found="unknown", wanted="true")
        return None

    def span(self, inner: Mapping[str, Json], path: str) -> Span:
        numbers = {end: self.number(inner[end], f"{path}.{end}") for end in _ENDS if end in inner}
        if not numbers or {"ge", "gt"} <= numbers.keys() or {"le", "lt"} <= numbers.keys():
            self.fail(path, "missing", wanted="ge / gt / le / lt")
        low, high = numbers.get("ge", numbers.get("gt")), numbers.get("le", numbers.get("lt"))
        return Span(low, high, "gt" in numbers, "lt" in numbers)

    def within(self, inner: Mapping[str, Json], path: str) -> int | None:
        if inner.get("within_days") is None:
            return None
        days = self.number(inner["within_days"], f"{path}.within_days")
        self.refuse(f"{path}.within_days", check_number(days, whole=True))
        return int(days)

    def number(self, value: Json, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(path, "kind", wanted=table("wanted")["number"])
        # A whole number beyond a float's range is as good as infinite.
        return float(value) if abs(value) < 1e300 else float("inf")

    def names(self, value: Json, path: str, *, least: int = 1) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) < least:
            self.fail(path, "kind", wanted=table("wanted")["list"])
        if len(value) > MOST_NAMES:
            self.fail(path, "too_many_names", most=MOST_NAMES)
        return tuple(dict.fromkeys(self.name(each, path) for each in value))

    def name(self, value: Json, path: str) -> str:
        if not isinstance(value, str):
            self.fail(path, "kind", wanted=table("wanted")["text"])
        self.refuse(path, check_name(value))
        return value
