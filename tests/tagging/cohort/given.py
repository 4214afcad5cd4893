"""A small library, and queries and patients drawn at random."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tagging.cohort import query as q
from tagging.cohort.facts import Evidence, Facts, Readings
from tagging.cohort.measure import measure_of
from tagging.cohort.scope import Scope, TagEntry

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 2, 28)
NOW = datetime(2026, 2, 28, 4, tzinfo=UTC)
LIBRARY = {
    1: TagEntry(1, "preterm", "早产儿", None, False),
    2: TagEntry(2, "very_preterm", "极早产儿", 1, False),
    3: TagEntry(3, "chemo", "化疗", None, False),
    4: TagEntry(4, "adherence.low", "依从性差", None, False),
}
SCOPE = Scope(LIBRARY, {"新生儿科": 1, "血液科": 2}, frozenset({1, 2}), TODAY, ZONE)
MEASURES = ("体温", "weight", "HbA1c")
UNITS: dict[str, tuple[str | None, ...]] = {"体温": (None, "℃", "℉"), "weight": (None, "kg", "斤"), "HbA1c": ("%", "mmol/mol")}

whole = st.integers(0, 40) | st.integers(0, 1200)
small = st.integers(0, 40) | st.integers(0, 400)
numbers = st.one_of(whole.map(float), st.floats(0, 120, allow_nan=False).map(lambda x: round(x, 2)))


def spans(of: st.SearchStrategy[float]) -> st.SearchStrategy[q.Span]:
    closed = st.tuples(of, of).map(lambda pair: q.Span(float(min(pair)), float(max(pair))))
    low = st.builds(lambda number, open: q.Span(low=float(number), low_open=open), of, st.booleans())
    high = st.builds(lambda number, open: q.Span(high=float(number), high_open=open), of, st.booleans())
    return st.one_of(closed, low, high)


def named(names: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(names, min_size=1, max_size=most, unique=True).map(tuple)


def _values(measures: st.SearchStrategy[str], units: Any) -> st.SearchStrategy[q.Term]:
    @st.composite
    def drawn(draw: st.DrawFn) -> q.Term:
        measure = draw(measures)
        span = draw(st.none() | spans(numbers))
        unit = draw(st.sampled_from(units(measure))) if span is not None else None
        return q.ValueTerm(measure, span, unit, draw(st.none() | small))

    return drawn()


def terms(tags: st.SearchStrategy[str], departments: st.SearchStrategy[str], teams: st.SearchStrategy[str]) -> st.SearchStrategy[q.Term]:
    sources = st.lists(st.sampled_from(("his", "lab", "chat", "person")), max_size=2, unique=True).map(tuple)
    return st.one_of(
        st.builds(q.TagTerm, named(tags), st.sampled_from(("any", "all", "none")), sources, st.none() | small),
        st.builds(q.AgeTerm, st.just("days"), spans(whole)),
        st.builds(q.AgeTerm, st.just("months"), spans(st.integers(0, 200))),
        st.builds(q.AgeTerm, st.just("years"), spans(st.integers(0, 20))),
        st.builds(q.SexTerm, st.sampled_from(("M", "F", None))),
        st.builds(q.SinceTerm, st.sampled_from(("discharge", "visit", "answer")), st.none() | spans(small)),
        _values(st.sampled_from(MEASURES), UNITS.__getitem__),
        st.builds(q.TrendTerm, st.sampled_from(MEASURES), st.sampled_from(("rising", "falling", "steady", None)), small),
        st.builds(q.DepartmentTerm, named(departments) | st.just(())),
        st.builds(q.TeamTerm, named(teams)),
        st.builds(
            q.PlanTerm, st.none() | st.sampled_from(("neonatal", "asthma")), st.sampled_from(("active", "ended", "withdrawn", "never"))
        ),
    )


def trees(leaves: st.SearchStrategy[q.Term]) -> st.SearchStrategy[q.Query]:
    def grown(inner: st.SearchStrategy[q.Query]) -> st.SearchStrategy[q.Query]:
        parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
        return st.one_of(st.builds(q.Not, inner), st.builds(q.All, parts), st.builds(q.Any, parts))

    return st.recursive(leaves, grown, max_leaves=6)


queries = trees(
    terms(
        st.sampled_from(("preterm", "极早产儿", "chemo", "adherence.low")),
        st.sampled_from(("儿内", "外科")),
        st.sampled_from(("新生儿科", "血液科")),
    )
)

# Within hours of a midnight of the hospital, which is 16:00 UTC, as often as not.
moments = st.builds(
    lambda days, hours: datetime(2026, 2, 28, 16, tzinfo=UTC) - timedelta(days=days, hours=hours),
    small,
    st.sampled_from((-1, 0, 1, 23)) | st.integers(-30, 30),
)
days = st.builds(lambda back: TODAY - timedelta(days=back), st.integers(-2, 40) | small)
births = st.builds(lambda days: TODAY - timedelta(days=days), st.integers(-3, 1200)) | st.sampled_from(
    (date(2025, 11, 28), date(2025, 11, 29), date(2025, 11, 30), date(2024, 2, 29), date(2026, 1, 31), TODAY)
)


@st.composite
def readings(draw: st.DrawFn, measure: str) -> Readings:
    on = sorted(draw(st.lists(days, min_size=1, max_size=5)))
    value = draw(st.lists(numbers, min_size=len(on), max_size=len(on)))
    unit = measure_of(measure).unit or draw(st.sampled_from(("%", "mmol/mol", None)))
    return Readings(unit, tuple(on), tuple(value))


@st.composite
def patients(draw: st.DrawFn, patient_id: int) -> Facts:
    tags = draw(st.sets(st.sampled_from((1, 2, 3, 4))))
    measured = draw(st.sets(st.sampled_from(MEASURES)))
    states = draw(st.dictionaries(st.sampled_from(("neonatal", "asthma")), st.sampled_from(("active", "ended", "withdrawn"))))
    plans = {f"{template}:{state}" for template, state in states.items()} | {f":{state}" for state in states.values()}
    reason = st.builds(
        Evidence,
        st.sampled_from(sorted(tags or {1})),
        st.sampled_from(("his", "chat", "person")),
        st.sampled_from(("lab_result", "inbound", None)),
        st.just("因为"),
        moments,
    )
    return Facts(
        patient_id,
        draw(st.sampled_from((1, 2, 3))),
        draw(st.sampled_from(("M", "F", None))),
        draw(births),
        frozenset(tags),
        draw(st.sampled_from(("儿内", "外科", "眼科", None))),
        draw(st.none() | days),
        draw(st.none() | days),
        draw(st.none() | days),
        tuple(sorted(plans)),
        {measure_of(measure).code: draw(readings(measure)) for measure in sorted(measured)},
        tuple(draw(st.lists(reason, max_size=4))) if tags else (),
    )
