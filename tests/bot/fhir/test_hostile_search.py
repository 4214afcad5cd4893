"""Whatever stands in a query: an answer or a refusal, never a failure, and never another department's child."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.fhir.kinds import kinds
from bot.fhir.refusal import FhirRefusal
from bot.fhir.search import MOST, read_search, span_of
from tests.bot.fhir.conftest import Hospital

ZONE = ZoneInfo("Asia/Shanghai")
NAMES = sorted(
    {name for kind in kinds().values() for name in kind.parameters} | {"_count", "_sort", "_cursor", "_summary", "_total", "_format"}
)
WORDS = [
    "cl-1",
    "Patient/cl-1",
    "2026-03",
    "ge2026-03-09T08:00:00Z",
    "ne2026",
    "9999-12-31",
    "0001-01-01",
    "-1",
    "-date",
    "a|b|c",
    "|",
    "WyIyMDI2IiwgIm8iLCAxXQ",
    "count",
]
NASTY = [
    "cl-9223372036854775807", "cl-999999999999999999", "cl-o1", "x'; drop table patient; --", "%", "_", "\\", "🙂", "a|b|c", "|",
    "0001-01-01",
    "9999-12-31", "2026-03-09T08:00:00+25:00", "urn:oid:1|%", "Patient/cl-2", "http://[/cl-2", "1e400",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(kinds())),
    st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=12), st.sampled_from(WORDS) | st.text(max_size=30)), max_size=6),
    st.booleans(),
)
def test_any_query_is_a_search_or_a_refusal(kind: str, query: list[tuple[str, str]], strict: bool) -> None:
    try:
        search = read_search(kinds()[kind], query, strict=strict, zone=ZONE)
    except FhirRefusal as err:
        assert err.status in (400, 413)
    else:
        assert 0 <= search.count <= MOST


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)?)?", fullmatch=True))
def test_any_date_is_a_span_or_none(written: str) -> None:
    span = span_of(written, ZONE)
    assert span is None or span[0] < span[1]


async def test_every_parameter_bears_every_value(hospital: Hospital) -> None:
    for number, kind in enumerate(kinds().values()):
        for place, name in enumerate(kind.parameters):
            # Each parameter meets a third of the values, and each value every sort of parameter.
            for value in NASTY[(number + place) % 3 :: 3]:
                response = await hospital.ask("GET", f"/{kind.name}?{name}={quote(value, safe='')}")
                assert response.status in (200, 400), (kind.name, name, value, await response.text())
                assert "钱小雨" not in await response.text()
    assert await hospital.ids("/Patient") == [f"cl-{hospital.child}"]
