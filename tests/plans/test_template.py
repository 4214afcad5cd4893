"""A template is checked before anybody is enrolled on it, and a mistake is named."""

from pathlib import Path

import pytest
import yaml

from plans.rule import load_rules
from plans.template import FOLDER, TemplateError, find_template, load_templates, read_template


def broken(tmp_path: Path, change: str, *, by: str) -> Path:
    text = (FOLDER / "neonatal.yml").read_text(encoding="utf-8")
    assert change in text
    path = tmp_path / "broken.yml"
    path.write_text(text.replace(change, by, 1), encoding="utf-8")
    return path


def test_the_neonatal_template_waits_for_a_clinician() -> None:
    template = load_templates()["neonatal"]
    assert template.needs_clinician_review
    assert template.anchors == ("birth", "discharge")
    assert [question.id for question in template.steps[0].questions] == ["weight", "feeding"]


@pytest.mark.parametrize(
    "change, by, field",
    [
        ("version: 1", "version: 0", "version"),
        ("    anchor: discharge", "    anchor: surgery", "日期“surgery”没有写在 anchors"),
        ("after_hours: 4", "after_hours: many", "steps.0.reminders.0.after_hours"),
        ("kind: weight", "kind: wieght", "steps.0.questions.0.kind"),
        ("first: 1, last: 14", "first: 14, last: 1", "steps.0.schedule.0"),
        ("every: [3, 4]", "every: [0]", "steps.0.schedule.1"),
        ("title: 体重和喂养", "titel: 体重和喂养", "steps.0.titel"),
        ("{question}", "{qestion}", "不认识的占位符：qestion"),
        ("id: feeding", "id: weight", "用了不止一次：weight"),
        ("    anchor: discharge", "    anchor: dischange", "是不是想写“discharge”（出院日期）"),
        ("    useful_until:", "    only_if: 标签 早产儿 且\n    useful_until:", "steps.0.only_if: 条件写得不对：第1行第9列"),
        ("needs_clinician_review: true", "needs_clinician_review: [", "not YAML"),
    ],
)
def test_a_mistake_names_file_and_field(tmp_path: Path, change: str, by: str, field: str) -> None:
    with pytest.raises(TemplateError) as refused:
        read_template(broken(tmp_path, change, by=by))
    assert "broken.yml" in str(refused.value)
    assert field in str(refused.value)


def test_old_versions_stay_for_those_enrolled_on_them(tmp_path: Path) -> None:
    raw = yaml.safe_load((FOLDER / "neonatal.yml").read_text(encoding="utf-8"))
    for version in (1, 2):
        (tmp_path / f"neonatal-{version}.yml").write_text(yaml.safe_dump({**raw, "version": version}, allow_unicode=True), encoding="utf-8")
    assert load_templates(tmp_path)["neonatal"].version == 2
    assert find_template("neonatal", 1, tmp_path).version == 1
    with pytest.raises(TemplateError):
        find_template("neonatal", 3, tmp_path)


@pytest.mark.parametrize("id", ["neonatal_weight", "neonatal_feeding"])
def test_every_rule_names_its_source(id: str) -> None:
    rules = load_rules(id)
    assert rules.needs_clinician_review
    assert all(rule.src and rule.conf in ("C", "R") for rule in rules.rules)
    assert len({rule.id for rule in rules.rules}) == len(rules.rules)
