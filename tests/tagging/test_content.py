"""The tables: references, refusals, and the example phrases of every category."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tagging.content import DATA, default_content, load_content
from tagging.errors import ContentError
from tagging.patient import PatientFacts
from tagging.tables import severity
from tagging.triage import triage_text

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def changed(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (DATA / name).read_text(encoding="utf-8")
    assert old in text
    folder, _, _ = name.rpartition("/")
    if folder:
        shutil.copytree(DATA / folder, tmp_path / folder)
    path = tmp_path / name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path / folder if folder else path


def test_a_clinician_changes_a_limit_without_touching_code(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "vitals.yml",
        "{lt: 39.0, level: routine}, {lt: 40.0, level: same_day}",
        "{lt: 38.0, level: routine}, {lt: 40.0, level: same_day}",
    )
    content = load_content(vitals=path)
    patient = PatientFacts(900)
    assert triage_text("体温38.5", context=None, patient=patient, now=NOW).level == "routine"
    assert triage_text("体温38.5", context=None, patient=patient, now=NOW, content=content).level == "same_day"


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        ("redflags.yml", "when: [convulsion]", "when: [convulsio]", "convulsion, rule 1: unknown concept convulsio"),
        ("redflags.yml", "level: emergency}", "level: dringend}", "level"),
        ("redflags.yml", "default_level: emergency", "default_lvl: emergency", "default_l"),
        ("vitals.yml", "category: fever_high", "category: fever_hi", "unknown category 'fever_hi'"),
        ("symptoms/breathing.yml", "'{lip} {blue}'", "'{lips} {blue}'", "no word group 'lips'"),
    ],
)
def test_a_mistake_is_refused_with_file_and_place(tmp_path: Path, name: str, old: str, new: str, place: str) -> None:
    path = changed(tmp_path, name, old, new)
    with pytest.raises(ContentError) as refused:
        load_content(**{path.stem: path})
    assert place in str(refused.value)
    assert name.rpartition("/")[2] in str(refused.value)


def test_the_example_phrases_fire_their_category_or_something_as_serious() -> None:
    content = default_content()
    missed = []
    total = 0
    for category_id, category in content.redflags.categories.items():
        told = category.phrase_patient
        patient = PatientFacts(
            told.get("age_days"),
            tags=tuple(told.get("tags", ())),
            birth_weight_g=told.get("birth_weight_g"),
            personal_best=told.get("personal_best"),
        )
        for phrase in category.phrases:
            total += 1
            result = triage_text(phrase, context=None, patient=patient, now=NOW)
            as_serious = severity(result.level) >= max(1, severity(category.default_level))
            if category_id not in result.categories and not as_serious:
                missed.append((category_id, phrase, result.level))
    assert total > 1000
    assert 1 - len(missed) / total >= 0.95, missed
