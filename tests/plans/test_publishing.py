"""A hospital's own templates: out and in as YAML and FHIR without loss, published by a second person, kept for ever."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.authored import AuthoringError
from plans.definition import newest_template, newest_templates, template_at
from plans.enrolment import enrol
from plans.personal import template_of
from plans.publishing import DefinitionRefused, keep_draft, listed, publish, read_definition, references, retire
from plans.template import PlanTemplate, TemplateError, load_templates
from plans.template.diff import difference
from plans.template.fhir import to_fhir
from plans.template.timing import WEEKDAYS
from plans.template.written import body_of, to_yaml
from records.database import Database
from tests.plans.conftest import DISCHARGE, ZONE, Family, local, make_family
from tests.plans.test_planning import DAILY, VISIT, plan_of

NOW = local(DISCHARGE, 12)


@pytest.mark.parametrize("id", sorted(load_templates()))
def test_every_shipped_template_goes_out_and_comes_back(id: str) -> None:
    template = load_templates()[id]
    assert read_definition(to_yaml(template), name=f"{id}.yml") == template
    assert read_definition(json.dumps(to_fhir(template), ensure_ascii=False), name=f"{id}.json") == template


PHASES = st.one_of(
    st.builds(lambda days: {"days": days}, st.lists(st.integers(-30, 400), min_size=1, max_size=4)),
    st.builds(lambda first, more: {"first": first, "last": first + more}, st.integers(-5, 30), st.integers(0, 30)),
    st.builds(lambda after, every: {"after": after, "every": every}, st.integers(0, 30), st.lists(st.integers(1, 60), min_size=1)),
    st.builds(lambda days: {"after": 3, "weekdays": days}, st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True)),
    st.builds(lambda first, more: {"cycle": {"length": 21, "first": first, "last": first + more}}, st.integers(1, 10), st.integers(0, 11)),
)  # fmt: skip
STEPS = st.fixed_dictionaries(
    {"schedule": st.lists(PHASES, min_size=1, max_size=3)},
    optional={
        "kind": st.sampled_from(["message", "visit", "clinician_task"]),
        "hours": st.lists(st.integers(8, 20), max_size=3, unique=True).map(sorted),
        "only_if": st.sampled_from(["标签 早产儿", "月龄 0..3 且 性别 女"]),
        "useful_until": st.sampled_from(["end_of_day", {"hours": 5}, {"days": 3}]),
        "reminders": st.just([{"after_hours": 4, "src": "R"}]),
        "missed": st.just({"in_a_row": 2, "text": "{name}", "src": "R"}),
        "tell": st.sampled_from(["nurse", "doctor"]),
        # Invisible characters are refused by the reader, whatever the format.
        "text": st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20).filter(str.strip),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=4), st.booleans())
def test_any_template_goes_out_and_comes_back(steps: list[dict[str, Any]], later: bool) -> None:
    template = plan_of(*steps, *([VISIT] if later else []), later=["next_visit"] if later else [])
    assert PlanTemplate.model_validate(body_of(template)) == template
    assert read_definition(json.dumps(to_fhir(template), ensure_ascii=True), name="a.json") == template


def test_what_fhir_has_an_element_for_stands_there() -> None:
    template = plan_of({**DAILY, "hours": [8, 18], "only_if": "标签 早产儿"})
    action = to_fhir(template)["action"][1]
    assert action["timingTiming"]["repeat"]["timeOfDay"] == ["08:00:00", "18:00:00"]
    assert action["condition"][0]["expression"]["expression"] == "标签 早产儿"
    assert action["relatedAction"][0]["actionId"] == "anchor-discharge"
    changed = to_fhir(template)
    changed["action"][1]["title"] = "别的标题"
    assert read_definition(json.dumps(changed), name="a.json").steps[0].title == "别的标题"


@pytest.mark.parametrize(
    "change, said",
    [
        ({"resourceType": "Patient"}, "不是 FHIR PlanDefinition"),
        ({"extension": [{"url": "urn:careloop:plan-template", "valueString": "{"}]}, "读不出来"),
        ({"title": "x"}, "文字太短"),
    ],
)
def test_a_plan_definition_that_cannot_be_used(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AuthoringError, match=said):
        read_definition(json.dumps(to_fhir(plan_of(DAILY)) | change), name="a.json")


async def test_one_writes_another_publishes_and_patients_keep_their_version(db: Database) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        await keep_draft(tx, plan_of(DAILY), by="lin", now=NOW)
        await keep_draft(tx, plan_of({**DAILY, "title": "快走"}), by="lin", now=NOW)
        for by, code in (("lin", "own"),):
            with pytest.raises(DefinitionRefused) as refused:
                await publish(tx, "walks", 1, by=by, now=NOW, zone=ZONE)
            assert refused.value.code == code
        assert "walks" not in await newest_templates(tx)
        await publish(tx, "walks", 1, by="qin", now=NOW, zone=ZONE)
        template = await newest_template(tx, "walks")
        assert template.steps[0].title == "快走"
        with pytest.raises(DefinitionRefused, match="已经发布过"):
            await keep_draft(tx, plan_of(DAILY), by="lin", now=NOW)
        await enrol(tx, family.patient, template, anchors={"discharge": DISCHARGE}, hour=9, by="lin", now=NOW, zone=ZONE)
        await keep_draft(tx, plan_of({"schedule": [{"days": [3]}]}, version=2), by="lin", now=NOW)
        await publish(tx, "walks", 2, by="qin", now=NOW, zone=ZONE)
        await retire(tx, "walks", 1, by="qin", now=NOW)
    async with db.transaction() as tx:
        assert (await newest_template(tx, "walks")).version == 2
        assert (await template_at(tx, "walks", 1)).steps[0].title == "快走"
        assert [(row.version, row.state) for row in await listed(tx) if row.id == "walks"] == [(1, "retired"), (2, "active")]
        await retire(tx, "walks", 2, by="qin", now=NOW)
        with pytest.raises(TemplateError, match="没有“walks”这个计划"):
            await newest_template(tx, "walks")
        with pytest.raises(DefinitionRefused):
            await retire(tx, "walks", 2, by="qin", now=NOW)


async def test_a_shipped_version_can_be_retired_and_is_still_found(family: Family) -> None:
    plan = await family.enrolled()
    await retire(family.tx, "neonatal", plan.template_version, by="qin", now=NOW)
    assert "neonatal" not in await newest_templates(family.tx)
    task = await family.task_of(DISCHARGE.replace(day=DISCHARGE.day + 1))
    assert (await template_of(family.tx, task)).id == "neonatal"


async def test_what_the_hospital_has_not_is_named_before_it_is_published(family: Family) -> None:
    await keep_draft(family.tx, plan_of({**DAILY, "only_if": "标签 没有它"}), by="lin", now=NOW)
    with pytest.raises(DefinitionRefused, match="“s0”的条件用到了本院没有的内容"):
        await publish(family.tx, "walks", 1, by="qin", now=NOW, zone=ZONE)
    asks = {"kind": "questionnaire", "questionnaire": "no_such", "text": None, **DAILY}
    assert await references(family.tx, plan_of(asks), now=NOW, zone=ZONE) == ["“s0”用到了没有的问卷：no_such"]


def test_the_difference_of_two_versions() -> None:
    old, new = plan_of(DAILY, VISIT, later=["next_visit"]), plan_of({**DAILY, "title": "快走"}, {**DAILY, "id": "new"}, version=2)
    found = difference(old, new)
    assert (found.added, found.removed, found.changed) == (("new",), ("bring",), {"s0": ("title",)})
    assert found.head == ("later",) and not found.same
    assert difference(old, old).same
