"""The frozen phrases: how many may be wrong is written here, and may only shrink."""

from pathlib import Path

from tagging.evaluation.measurements import evaluate_file, evaluate_measurements

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
