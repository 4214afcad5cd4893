"""One id leads from the callback to the answer: in the logs always, in traces where they are on; neither holds a family's words."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select
from structlog.testing import capture_logs

from bot import tracing
from bot.tracing import span, start_tracing, stop_tracing
from records.message import Inbound, Outbound
from records.trace import following, trace_id, trace_of
from tests.bot.stage import Stage

SAID = "宝宝今天很好"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = start_tracing("", "test", exporter=exporter)
    yield exporter
    stop_tracing(provider)


def of(events: list[Any], event: str) -> list[dict[str, Any]]:
    return [each for each in events if each["event"] == event]


async def say(stage: Stage) -> None:
    family = await stage.family("赵敏", {"name": "小满", "days": 60})
    await family.says(SAID)
    assert await family.last() == f"听到：{SAID}"


async def test_one_id_is_found_in_every_step_of_the_log(stage: Stage) -> None:
    with capture_logs() as events:
        await say(stage)
    [heard] = of(events, "heard")
    [handled] = of(events, "handled")
    [sent] = [each for each in of(events, "outgoing") if each["key"].startswith("reply:")]
    trace = heard["trace"]
    assert trace and trace in {each["trace"] for each in of(events, "callback")}
    assert (handled["trace"], handled["state"], handled["triage"]) == (trace, "done", "routine")
    assert (sent["trace"], sent["state"]) == (trace, "sent") and SAID not in json.dumps(events, ensure_ascii=False, default=str)
    async with stage.db.transaction() as tx:
        kept = [*await tx.scalars(select(Inbound.trace)), *await tx.scalars(select(Outbound.trace).where(Outbound.purpose == "reply"))]
    assert {trace_id(each) for each in kept} == {trace}


async def test_spans_follow_the_road_under_the_same_id(stage: Stage, spans: InMemorySpanExporter) -> None:
    await say(stage)
    async with stage.db.transaction() as tx:
        trace = trace_id((await tx.scalars(select(Inbound.trace))).one())
    found: dict[str, ReadableSpan] = {
        each.name: each for each in spans.get_finished_spans() if each.context is not None and f"{each.context.trace_id:032x}" == trace
    }
    assert {"callback", "pull", "turn", "triage", "send"} <= set(found)
    under = {"turn": "pull", "triage": "turn", "send": "turn"}
    for name, parent in under.items():
        above, context = found[name].parent, found[parent].context
        assert above is not None and context is not None and above.span_id == context.span_id, name
    told = json.dumps([each.to_json() for each in spans.get_finished_spans()], ensure_ascii=False)
    assert SAID not in told and "赵敏" not in told and "小满" not in told


async def test_the_card_of_an_alert_carries_the_id_of_the_words_that_raised_it(stage: Stage) -> None:
    family = await stage.family("赵敏", {"name": "小满", "days": 60})
    await family.says("抽搐了")
    async with stage.db.transaction() as tx:
        [heard] = await tx.scalars(select(Inbound.trace))
        cards = set(await tx.scalars(select(Outbound.trace).where(Outbound.purpose == "card")))
    assert {trace_id(each) for each in cards} == {trace_id(heard)}


def test_a_step_that_fails_says_its_class_and_nothing_more(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), span("turn", trace_of("x")):
        raise ValueError(SAID)
    [failed] = spans.get_finished_spans()
    assert failed.status.description == "ValueError" and not failed.events and SAID not in failed.to_json()


def test_without_a_collector_nothing_is_made_and_the_id_is_carried_all_the_same() -> None:
    assert tracing._tracer is None
    with span("turn", trace_of("x")) as here:
        assert here is None and following() == trace_of("x")
        assert span("nlu") is span("policy")
    assert following() is None and trace_id(None) is None
