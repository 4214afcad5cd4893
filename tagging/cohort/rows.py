"""A query as rows of a form, one term each: what a page of clicks shows, and the text that it stands for, a line for each row.

Because a row is a line, a mistake of the text (line and column) is a mistake of that row.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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
from tagging.cohort.words import CHINESE, table
from tagging.cohort.write import number_text

COMPARED = ("<=", ">=", "<", ">", "=", "..")
# What each field is compared by; those of a field stand in the order in which they are offered.
OPS: dict[str, tuple[str, ...]] = {
    "tag": ("any", "all", "none"),
    "age_days": COMPARED,
    "age_months": COMPARED,
    "age_years": COMPARED,
    "sex": ("male", "female", "unknown"),
    "discharge": (*COMPARED, "unknown"),
    "visit": (*COMPARED, "unknown"),
    "answer": (*COMPARED, "unknown"),
    "latest": (*COMPARED, "unknown"),
    "trend": ("rising", "falling", "steady", "unknown"),
    "department": ("any", "unknown"),
    "team": ("any",),
    "plan": ("active", "ended", "withdrawn", "never"),
}
_NAMES = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*|([^、,，；;"]+)')


@dataclass(frozen=True)
class Row:
    """One term. `join` ties it to the row before (and, or; empty for the first), `before` are signs in front of it (`!` for not, `(`),
    `after` closing brackets. `of` is the measure or the template, `value` and `value2` what it is compared with, all as typed."""

    join: str = ""
    before: str = ""
    field: str = "tag"
    of: str = ""
    op: str = "any"
    value: str = ""
    value2: str = ""
    unit: str = ""
    within: str = ""
    source: str = ""
    after: str = ""


def text_of(rows: Sequence[Row]) -> str:
    """The query's text, a line for each row; what is not filled in is left out, so that reading it tells what lacks."""
    return "\n".join(_line(row, first=number == 0) for number, row in enumerate(rows))


def rows_of(query: Query, names: Callable[[str], str] = str) -> list[Row]:
    """The rows of a tree; `names` gives the name to show for a tag."""
    return list(_rows(query, names))


def _rows(query: Query, names: Callable[[str], str]) -> Iterator[Row]:
    match query:
        case Not(part):
            inner = list(_rows(part, names))
            if isinstance(part, All | Any):
                inner = _bracketed(inner)
            yield from [replace(inner[0], before=f"!{inner[0].before}"), *inner[1:]]
        case All(parts) | Any(parts):
            join = "and" if isinstance(query, All) else "or"
            for number, part in enumerate(parts):
                inner = list(_rows(part, names))
                if isinstance(part, Any) or (isinstance(part, All) and isinstance(query, All)):
                    inner = _bracketed(inner)
                yield from [replace(inner[0], join=join if number else ""), *inner[1:]]
        case Always():
            raise ValueError("what is true of everybody has no rows")
        case term:
            yield _row(term, names)


def _bracketed(rows: list[Row]) -> list[Row]:
    rows[0] = replace(rows[0], before=f"({rows[0].before}")
    rows[-1] = replace(rows[-1], after=f"{rows[-1].after})")
    return rows


def _row(term: Term, names: Callable[[str], str]) -> Row:
    match term:
        case TagTerm(tags, how, sources, within):
            # The rows offer one source; a text that names several keeps them all.
            return Row(field="tag", op=how, value=_joined([names(tag) for tag in tags]), source="|".join(sources), within=_days(within))
        case AgeTerm(unit, span):
            return _spanned(Row(field=f"age_{unit}"), span)
        case SexTerm(sex):
            return Row(field="sex", op={"M": "male", "F": "female", None: "unknown"}[sex])
        case SinceTerm(event, span):
            return _spanned(Row(field=event), span)
        case ValueTerm(measure, span, unit, within):
            return _spanned(Row(field="latest", of=measure, unit=unit or "", within=_days(within)), span)
        case TrendTerm(measure, way, within):
            return Row(field="trend", of=measure, op=way or "unknown", within=_days(within))
        case DepartmentTerm(named):
            return Row(field="department", op="any" if named else "unknown", value=_joined(named))
        case TeamTerm(named):
            return Row(field="team", op="any", value=_joined(named))
        case PlanTerm(template, state):
            return Row(field="plan", of=template or "", op=state)


def _spanned(row: Row, span: Span | None) -> Row:
    if span is None:
        return replace(row, op="unknown")
    if span.low is not None and span.high is not None:
        if span.low == span.high:
            return replace(row, op="=", value=number_text(span.low))
        return replace(row, op="..", value=number_text(span.low), value2=number_text(span.high))
    if span.low is not None:
        return replace(row, op=">" if span.low_open else ">=", value=number_text(span.low))
    return replace(row, op="<" if span.high_open else "<=", value=number_text(span.high))


def _days(within: int | None) -> str:
    return "" if within is None else str(within)


def _joined(names: Sequence[str]) -> str:
    return "、".join(_in_quotes(name) if re.search(r'[、,，；;"\\]|^\s|\s$', name) else name for name in names)


def _in_quotes(name: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}"'


def names_in(value: str) -> list[str]:
    """The names that somebody typed into one box, apart by commas; those in quotes may hold one."""
    found = (re.sub(r"\\(.)", r"\1", inner) or plain.strip() for inner, plain in _NAMES.findall(_one_line(value)))
    return [name for name in found if name]


def _line(row: Row, *, first: bool) -> str:
    words = [] if first or not row.join else [_word(row.join if row.join in ("and", "or") else "and")]
    words += [{"!": _word("not"), "(": "("}[sign] for sign in row.before if sign in "!("]
    return " ".join([*words, *_said(row), *(")" * row.after.count(")"))])


def _said(row: Row) -> list[str]:
    op = row.op if row.op in OPS.get(row.field, ()) else ""
    match row.field:
        case "tag":
            names = [quoted(name) for name in names_in(row.value)]
            listed = names if op == "any" and len(names) == 1 else ([f"({', '.join(names)})"] if names else [])
            how = [] if op == "any" else [_word(op)]
            known = table("sources")
            sources = [str(known[each][CHINESE]) for each in row.source.split("|") if each in known]
            return [_word("tag"), *how, *listed, *([_word("source"), "、".join(sources)] if sources else []), *_within(row)]
        case "sex":
            return [_word("sex"), _word(op)]
        case "latest":
            of = [quoted(_one_line(row.of))] if row.of.strip() else []
            unit = [quoted(_one_line(row.unit))] if row.unit.strip() and op != "unknown" else []
            return [_word("latest"), *of, *_compared(row, op), *unit, *_within(row)]
        case "trend":
            of = [quoted(_one_line(row.of))] if row.of.strip() else []
            return [_word("trend"), *of, _word(op), *_within(row)]
        case "department" | "team":
            names = [quoted(name) for name in names_in(row.value)]
            listed = names if len(names) == 1 else ([f"({', '.join(names)})"] if names else [])
            return [_word(row.field), *([_word("unknown")] if op == "unknown" else listed)]
        case "plan":
            return [_word("plan"), quoted(_one_line(row.of)) if row.of.strip() else _word("any_plan"), _word(op)]
        case field if field in OPS:
            return [_word(field), *_compared(row, op)]
    return []


def _compared(row: Row, op: str) -> list[str]:
    value = "".join(row.value.split())
    if op == "unknown":
        return [_word("unknown")]
    if op == "..":
        return [f"{value}..{''.join(row.value2.split())}"]
    return [op, value] if value else [op]


def _one_line(value: str) -> str:
    return re.sub(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", value).strip()


def _within(row: Row) -> list[str]:
    days = "".join(row.within.split())
    return [f"{days}{_word('within_after')}"] if days else []


def _word(meaning: str) -> str:
    found: str = table("keywords")[meaning][CHINESE] if meaning else ""
    return found
