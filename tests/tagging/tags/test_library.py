"""The library that ships, and what a library may not say."""

from pathlib import Path

import pytest

from tagging.content import default_content
from tagging.tags.errors import TagError
from tagging.tags.library import read_library, shipped


def test_every_tag_that_triage_knows_is_in_the_library_and_marked() -> None:
    content = default_content()
    groups = content.vitals.tag_groups
    rules = [rule for category in content.redflags.categories.values() for rule in category.rules]
    known = {*content.redflags.tags, *groups, *(tag for group in groups.values() for tag in group)}
    known |= {tag for rule in rules for tag in (*rule.tags, *rule.not_tags)}
    known |= {concept.tag for concept in content.symptoms.concepts.values() if concept.tag}
    assert known - shipped().triage == set()


def test_every_tag_that_can_make_triage_milder_is_marked() -> None:
    content = default_content()
    rules = [rule for category in content.redflags.categories.values() for rule in category.rules]
    bands = [band for vital in content.vitals.vitals.values() for band in vital.bands]
    lowering = {tag for rule in rules for tag in rule.not_tags} | {band.tag for band in bands if band.tag and band.mode == "replace"}
    # An early-born child may regain its weight later (tagging/weight.py).
    lowering |= {"preterm", *content.vitals.tag_groups["preterm"]}
    assert lowering == shipped().lowers


def test_all_four_kinds_and_levels_are_there() -> None:
    entries = shipped().entries
    assert {entry.kind for entry in entries.values()} == {"diagnosis", "treatment", "management", "operational"}
    assert entries["sjia"].parent == "jia" and entries["jia"].parent == "rheuma"
    assert entries["adherence.low"].group == "adherence"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: diagnosis\ntags:\n  a: {name: 甲}", "lib.yml, a: meaning Field required."),
        ("kind: diagnosis\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, parent: b}", "lib.yml, a: its parent b is not in the library."),
        (
            "kind: diagnosis\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, parent: b}\n  b: {name: 乙, meaning: 甲乙丙丁, parent: a}",
            "lib.yml, a: a stands above itself.",
        ),
        ("kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, group: g}", "lib.yml, a: the exclusive group g has no other tag."),
        (
            "kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁}\n  b: {name: 甲, meaning: 甲乙丙丁}",
            "lib.yml, b: a has the name 甲 already.",
        ),
        (
            "kind: diagnosis\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, shared: false, team: x}",
            "lib.yml, a: a diagnosis tag is always shared.",
        ),
        (
            "kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, shared: false}",
            "lib.yml, a: a private tag needs the team that owns it.",
        ),
        (
            "kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, triage: true}",
            "lib.yml, a: triage reads only diagnosis and treatment tags.",
        ),
        ("kind: magic\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁}", "lib.yml, a: kind Input should be"),
        ("kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, colour: red}", "lib.yml, a: colour Extra inputs are not permitted."),
        ("kind: management\ntags:\n  A';drop: {name: 甲, meaning: 甲乙丙丁}", "lib.yml, A';drop: code String should match pattern"),
        ("kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, expires_days: 0}", "lib.yml, a: expires_days Input should be"),
        ("kind: management\ntags:\n  a: text", "lib.yml, a: is no mapping."),
        ("tags: {}", "lib.yml: there is no tag in it."),
        ("- 1", "lib.yml: it needs `tags`, a mapping by code"),
        ("{", "lib.yml cannot be read as YAML:"),
        ("[" * 5000, "lib.yml cannot be read as YAML:"),
    ],
)
def test_an_incomplete_or_contradictory_library_is_refused_in_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "lib.yml"
    file.write_text(text, "utf-8")
    with pytest.raises(TagError) as refused:
        read_library(file)
    assert str(refused.value).startswith(why) and "\n" not in str(refused.value)


def test_a_parent_and_a_group_are_of_one_kind(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁, group: g}", "utf-8")
    (tmp_path / "b.yml").write_text("kind: diagnosis\ntags:\n  b: {name: 乙, meaning: 甲乙丙丁, group: g}", "utf-8")
    with pytest.raises(TagError, match="of the same exclusive group is of another kind"):
        read_library(tmp_path)
    (tmp_path / "b.yml").write_text("kind: diagnosis\ntags:\n  b: {name: 乙, meaning: 甲乙丙丁, parent: a}", "utf-8")
    (tmp_path / "a.yml").write_text("kind: management\ntags:\n  a: {name: 甲, meaning: 甲乙丙丁}", "utf-8")
    with pytest.raises(TagError, match="its parent a is of another kind"):
        read_library(tmp_path)
    (tmp_path / "b.yml").write_text("kind: diagnosis\ntags:\n  a: {name: 乙, meaning: 甲乙丙丁}", "utf-8")
    with pytest.raises(TagError, match="stands in another file already"):
        read_library(tmp_path)
