"""A question about a number leads somewhere: its bare answer is the value, and is judged."""

from datetime import UTC, datetime

import pytest

from tagging.patient import PatientFacts
from tagging.understanding import understand

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "said", "answer", "vital", "value"),
    [
        (400, "体温385", "是的", "temperature", 38.5),
        (400, "体温385", "嗯嗯", "temperature", 38.5),
        (400, "体温101", "对", "temperature", 38.3),
        (400, "现在三十九", "嗯", "temperature", 39.0),
        (1400, "体重18", "斤", "weight", 9.0),
        (1400, "体重18", "是公斤", "weight", 18.0),
    ],
)
def test_a_doubtful_number_counts_once_it_is_confirmed(days: int, said: str, answer: str, vital: str, value: float) -> None:
    patient = PatientFacts(age_days=days)
    asked = understand(said, context=None, patient=patient, now=NOW)
    assert asked.measurements == () and len(asked.questions) == 1
    confirmed = understand(answer, context=asked.questions[0], patient=patient, now=NOW)
    assert [(m.vital, round(m.value, 1)) for m in confirmed.measurements] == [(vital, value)]
    assert [answer[m.start : m.end] for m in confirmed.measurements] == [answer]


def test_a_danger_behind_a_slip_is_urgent_until_it_is_answered() -> None:
    baby = PatientFacts(age_days=40)
    asked = understand("宝宝体温385", context=None, patient=baby, now=NOW)
    assert (asked.triage.level, asked.triage.categories) == ("urgent", ("fever_infant_lt3m",))
    assert "385" in asked.triage.evidence[0].because
    confirmed = understand("是的", context=asked.questions[0], patient=baby, now=NOW)
    assert confirmed.triage.level == "emergency"
    assert understand("不是，37.2", context=asked.questions[0], patient=baby, now=NOW).triage.level == "routine"


@pytest.mark.parametrize("answer", ["不是", "没有", "你猜", "好的我再量一下"])
def test_anything_else_is_no_confirmation(answer: str) -> None:
    read = understand(answer, context="385是38.5℃吗？", patient=PatientFacts(age_days=400), now=NOW)
    assert read.measurements == ()
