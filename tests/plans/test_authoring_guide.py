"""The clinicians' guide shows plans that work."""

import re
from pathlib import Path

import yaml

from plans.rule import RuleSet
from plans.template import PlanTemplate

GUIDE = Path(__file__).parents[2] / "docs" / "plan-authoring.zh-CN.md"
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)]


def test_the_example_of_a_plan_is_one() -> None:
    template = PlanTemplate.model_validate(next(example for example in EXAMPLES if "steps" in example))
    assert [step.id for step in template.steps] == ["day1_pain", "visit"]


def test_the_example_of_a_rule_judges_what_the_example_asks() -> None:
    rules = RuleSet.model_validate(next(example for example in EXAMPLES if "rules" in example))
    assert (alert := rules.first_alert({"bleeding": 2.0})) is not None
    assert alert.level == "emergency"
    assert rules.first_alert({"bleeding": 1.0}) is None
