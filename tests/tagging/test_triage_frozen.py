"""The project's own frozen sets: what once was heard stays heard, and every rule is fired and spared by some line."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tagging.check import banned_advice
from tagging.command import triage_line
from tagging.content import default_content
from tagging.evaluation.triage import NOW, figures, judge_lines, read_lines
from tagging.symptom import find_symptoms

FROZEN = Path(__file__).parents[2] / "nlu_data" / "evaluation"
RULES = FROZEN / "rules.jsonl"


@cache
def lines(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(read_lines(FROZEN / name))


def asked_of(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key in ("patient", "input", "now")}


def test_the_messages_cover_every_category_and_are_many() -> None:
    messages = lines("redflags.jsonl")
    expected = {line["expect"]["category"] for line in messages}
    assert len(messages) >= 800
    assert set(default_content().redflags.categories) - expected == set()
    assert sum(line["expect"]["level"] == "routine" for line in messages) >= 300


def test_red_flags_are_heard_and_harmless_messages_left_alone() -> None:
    got = figures(judge_lines(lines("redflags.jsonl")))
    assert got.recall.value >= 0.985
    assert got.false_alarms.value <= 0.025
    assert got.exact.value >= 0.96
    assert got.emergencies.value >= 0.98


def test_boundary_cases_keep_their_level() -> None:
    got = figures(judge_lines(lines("cases.jsonl")))
    assert got.emergencies.value == 1.0
    # The second reader raises a few beyond what is expected; the rules alone are right in 0.998, and raise 0.010 of the harmless.
    assert got.exact.value >= 0.985
    assert got.category.value >= 0.995


@pytest.mark.parametrize("name", ["redflags.jsonl", "cases.jsonl"])
def test_no_reply_to_any_frozen_line_advises_what_is_banned(name: str) -> None:
    banned = default_content().redflags.never_say
    for line in lines(name):
        asked = asked_of(line)
        reply = triage_line(asked, now=NOW)["reply"]
        assert reply is None or banned_advice(reply, banned) is None, (line["id"], reply)


@cache
def fired_and_spared() -> tuple[frozenset[str], frozenset[str]]:
    """The rules that fire on some frozen line, and those that are spared by one although it names one of their signs."""
    content = default_content()
    rules = [(f"{name}.{rule.id}", rule) for name, category in content.redflags.categories.items() for rule in category.rules]
    fired: set[str] = set()
    spared: set[str] = set()
    for line in (*lines("redflags.jsonl"), *lines("cases.jsonl"), *lines("rules.jsonl")):
        given = line["input"]
        asked = asked_of(line)
        here = {evidence["rule"] for evidence in triage_line(asked, now=NOW)["evidence"]}
        fired |= here
        spared |= {line["spares"]} - here if "spares" in line else set()
        if given.get("text") is None:
            continue
        named = {
            name
            for mention in find_symptoms(given["text"], context=given.get("context"))
            for name in (mention.concept, *content.symptoms.concepts[mention.concept].implies)
        }
        spared |= {name for name, rule in rules if name not in here and named & {c for entry in rule.when for c in entry.split("|")}}
    return frozenset(fired), frozenset(spared)


def all_rules() -> list[str]:
    return [f"{name}.{rule.id}" for name, category in default_content().redflags.categories.items() for rule in category.rules]


@pytest.mark.parametrize("rule", all_rules())
def test_every_rule_fires_on_a_frozen_line_and_is_spared_by_a_near_miss(rule: str) -> None:
    fired, spared = fired_and_spared()
    assert rule in fired
    assert rule in spared


def test_the_rule_lines_fire_the_rule_they_name() -> None:
    for line in lines("rules.jsonl"):
        asked = asked_of(line)
        result = triage_line(asked, now=NOW)
        fired = {evidence["rule"] for evidence in result["evidence"]}
        if line.get("fires"):
            assert line["fires"] in fired, json.dumps(line, ensure_ascii=False)
        if line.get("spares"):
            assert line["spares"] not in fired, json.dumps(line, ensure_ascii=False)
