"""Rules as they are written: every shipped one does what its table says, and every mistake is named with its line."""

import pytest

from plans.adaptation.loops import Library, LoopError, check_no_loop
from plans.adaptation.names import unknown_among
from plans.adaptation.rule import FOLDER, Rule, read_rules, shipped_rules
from plans.adaptation.try_out import book_alone, run_examples
from plans.article import FOLDER as ARTICLES
from plans.article import load_articles
from plans.authored import AuthoringError
from plans.template import load_templates
from tagging.tags.library import shipped
from tests.plans.adaptation.given import rule

GOOD = """rules:
  - id: hot
    version: 1
    title: 发热
    on: {reading: 体温 >= 38 ℃}
    if: 月龄 >= 3
    do:
      - errand: {text: 请联系家属}
    because: 体温{value}{unit}
    why: 只为测试而写
    src: R
    conf: R
    needs_clinician_review: true
    tests:
      - {name: 热, event: {reading: {of: 体温, value: 38.2}}, expect: [errand rule]}
      - {name: 不热, event: {reading: {of: 体温, value: 37.2}}, expect: []}
"""


@pytest.mark.parametrize("rule", shipped_rules(), ids=lambda rule: rule.id)
def test_a_shipped_rule_does_what_its_table_says(rule: Rule) -> None:
    assert [str(failure) for failure in run_examples([rule])] == []


def test_the_shipped_rules_hang_together() -> None:
    rules = shipped_rules()
    assert len({rule.id for rule in rules}) == len(rules) and all(rule.needs_clinician_review for rule in rules)
    check_no_loop(book_alone(rules), _library())
    assert len(rules) >= 25 and len(list(FOLDER.glob("*.yml"))) >= 5


def test_an_example_that_comes_out_otherwise_is_told() -> None:
    [failure] = run_examples(read_rules(GOOD.replace("value: 37.2", "value: 38.9")))
    assert str(failure) == "规则 hot，例子“不热”：应为 不触发，实际是 errand rule"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("体温 >= 38 ℃", "体温 >= ", 5, "还没写完"),
        ("月龄 >= 3", "月令 >= 3", 6, "这里应为一项条件"),
        ("reading:", "readin:", 5, "reading"),
        ("on: {reading: 体温 >= 38 ℃}", "on: {reading: 体温 >= 38 ℃, tag_began: preterm}", 5, "要写且只写一种事件"),
        ("- errand: {text: 请联系家属}", "- add_tag: preterm", 8, "早产儿"),
        ("- errand: {text: 请联系家属}", "- change_dose: 加量", 8, "没有这个字段"),
        ("{value}{unit}", "{valu}", 9, "valu"),
        ("expect: [errand rule]", "expect: []", 2, "会触发的例子"),
        ("conf: R", "conf: X", 12, "C"),
        ("on: {reading: 体温 >= 38 ℃}", "on: {daily: {}}\n    again_after: 5m", 6, "again_after"),
    ],
)
def test_a_mistake_is_refused_with_its_line(old: str, new: str, line: int, words: str) -> None:
    text = GOOD.replace(old, new)
    with pytest.raises(AuthoringError) as caught:
        read_rules(text, name="hot.yml")
    told = str(caught.value)
    assert words in told and (f"第 {line} 行" in told or new.startswith(("on: {daily", "expect"))), told


def test_no_action_gives_or_takes_what_is_not_a_rules_to_give() -> None:
    for code, entry in shipped().entries.items():
        if entry.kind != "management":
            with pytest.raises(AuthoringError):
                read_rules(GOOD.replace("- errand: {text: 请联系家属}", f"- remove_tag: {code}"))


def test_a_rule_that_wakes_itself_is_refused_with_the_way() -> None:
    first = rule("first", {"tag_began": "follow.fever"}, {"add_tag": "follow.closer"})
    second = rule("second", {"tag_began": "follow.closer"}, {"remove_tag": "follow.fever"})
    third = rule("third", {"tag_ended": "follow.fever"}, {"add_tag": "follow.fever"})
    check_no_loop(book_alone([first, second]), _library())
    with pytest.raises(LoopError, match="first → second → third → first"):
        check_no_loop(book_alone([first, second, third]), _library())


def test_a_tag_that_drives_another_out_is_part_of_the_way() -> None:
    book = book_alone([rule("swap", {"tag_ended": "adherence.low"}, {"add_tag": "adherence.high"})])
    check_no_loop(book, Library({}, {}))
    with pytest.raises(LoopError):
        check_no_loop(book, _library())


def test_what_goes_by_a_family_needs_a_days_pace() -> None:
    def again(after: str) -> Rule:
        add = {"add_task": {"template": "neonatal", "step": "weight_and_feeding"}}
        return rule("again", {"missed": {"in_a_row": 1}}, add, again_after=after)

    check_no_loop(book_alone([again("1d")]), _library())
    with pytest.raises(LoopError, match="again → again"):
        check_no_loop(book_alone([again("2h")]), _library())


def _library() -> Library:
    scope = book_alone([]).scope
    entries = shipped().entries
    groups = {id: entries[tag.code].group or "" for id, tag in scope.tags.items() if entries[tag.code].group}
    return Library(groups, {})


@pytest.mark.parametrize("rule", shipped_rules(), ids=lambda rule: rule.id)
def test_a_shipped_rule_names_what_is_shipped(rule: Rule) -> None:
    articles = {article.id for article in load_articles(ARTICLES)}
    assert unknown_among(rule, load_templates(), articles) == []
