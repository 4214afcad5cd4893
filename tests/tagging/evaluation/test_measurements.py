"""The frozen phrases: how many may be wrong is written here, and may only shrink."""

from pathlib import Path

import pytest

from tagging.content import default_content
from tagging.errors import InputError
from tagging.evaluation.measurements import evaluate_file, evaluate_measurements
from tagging.measurement.words import vocabulary
from tagging.text import fold

FROZEN = Path(__file__).parents[3] / "nlu_data" / "evaluation" / "measurements.jsonl"
FLOOR = 0.99


def test_the_frozen_phrases_are_read() -> None:
    result = evaluate_file(FROZEN)
    assert len(result.outcomes) >= 400
    assert result.silent == ()
    assert result.right.value >= FLOOR, result.report()


def test_a_wrong_value_without_a_question_is_silent() -> None:
    temperature = {"vital": "temperature", "value": 38.0, "unit": "Cel"}
    result = evaluate_measurements([{"id": "a", "text": "体温38.5", "expect": {"measurements": [temperature]}}])
    assert [outcome.silent for outcome in result.outcomes] == [True]
    assert "SILENT a" in result.report()


def test_a_question_where_a_value_was_expected_is_wrong_but_not_silent() -> None:
    weight = {"vital": "weight", "value": 9.0, "unit": "kg"}
    result = evaluate_measurements([{"text": "体重18", "expect": {"measurements": [weight]}}])
    assert [(outcome.right, outcome.silent) for outcome in result.outcomes] == [(False, False)]


def test_circumstances_count_where_they_are_told() -> None:
    temperature = {"vital": "temperature", "value": 38.5, "unit": "Cel"}
    lines = [{"text": "腋温38.5", "expect": {"measurements": [temperature | {"site": site}]}} for site in ("axillary", "ear")]
    assert [outcome.right for outcome in evaluate_measurements(lines).outcomes] == [True, False]


def test_doses_are_compared_too() -> None:
    line = {"text": "半片，一天两次", "expect": {"measurements": [], "doses": [{"value": 0.5, "unit": "{tbl}"}, {"per_day": 2.0}]}}
    assert evaluate_measurements([line]).right.value == 1


PLAIN = [
    {"text": "体温38.5", "patient": {"age_days": 900}, "expect": [{"vital": "temperature", "value": 38.5, "unit": "Cel"}]},
    {"text": "101.5华氏度", "expect": [{"vital": "temperature", "value": 38.6, "unit": "Cel", "approximate": False}]},
    {"text": "130", "question": "heart_rate", "expect": [{"vital": "heart_rate", "value": 130, "unit": "/min"}]},
    {"text": "尿了6次", "expect": [{"vital": "urine_output", "value": 6, "unit": "wet_diapers"}]},
    {"text": "烧到39多", "expect": [{"vital": "temperature", "value": 39, "unit": "Cel", "approximate": True}]},
    {"text": "18", "question": "weight", "expect": "ask"},
    {"text": "今天挺好的", "expect": []},
]


def test_the_plain_form_is_read() -> None:
    result = evaluate_measurements(PLAIN)
    assert [outcome.why for outcome in result.outcomes] == [""] * len(PLAIN)


def test_a_wrong_value_in_the_plain_form_is_silent() -> None:
    wrong = [
        {"text": "体温38.5", "expect": [{"vital": "temperature", "value": 38.4, "unit": "Cel"}]},
        {"text": "体温38.5", "expect": "ask"},
        {"text": "体温38.5", "expect": []},
    ]
    assert [outcome.silent for outcome in evaluate_measurements(wrong).outcomes] == [True] * 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"text": "38", "expect": "wrong"}, 'line 1: expect: a list of {vital, value, unit, approximate?}, or "ask"'),
        ({"text": "38", "expect": [{"vital": "temperature", "value": 38, "unti": "Cel"}]}, "line 1: expect: a list of"),
        ({"text": "38", "expect": [{"vital": "mood", "value": 38, "unit": "Cel"}]}, "line 1: unknown vital 'mood'"),
        ({"text": "38", "expect": [{"vital": "temperature", "value": 38, "unit": "kg"}]}, "line 1: temperature cannot be given in 'kg'"),
        ({"text": "38", "question": "mood", "expect": []}, "line 1: unknown vital 'mood'"),
        ({"text": "38", "expect": [], "mood": 1}, "line 1: mood: Extra inputs"),
        ({"text": "38"}, "line 1: a phrase needs `text` and `expect`"),
    ],
)
def test_a_line_in_no_known_form_is_refused_with_its_place(line: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as error:
        evaluate_measurements([line])
    assert str(error.value).startswith(said)


def test_the_name_of_every_vital_that_can_be_asked_for_asks_for_it() -> None:
    for vital, _ in vocabulary().asked:
        assert vital in vocabulary().asked_vitals(fold(f"{default_content().vitals.vitals[vital].name}是多少？"))
