"""The JSON lines of `understand` and `triage`."""

import pytest

from tagging.command import triage_line, understand_line
from tagging.errors import InputError


def test_an_understand_line() -> None:
    line = {
        "id": "a1",
        "text": "没咳嗽，昨晚烧到38度5，妹妹也流鼻涕",
        "context": "宝宝哪里不舒服？",
        "patient": {"age_months": 7, "sex": "F", "tags": []},
        "now": "2026-03-01T08:00:00+08:00",
    }
    out = understand_line(line)
    assert [(s["concept"], s["status"], s["whose"]) for s in out["symptoms"]] == [
        ("cough", "absent", "patient"),
        ("fever", "present", "patient"),
        ("runny_nose", "present", "other"),
    ]
    assert out["measurements"] == [
        {
            "start": 8,
            "end": 12,
            "text": "38度5",
            "vital": "temperature",
            "value": 38.5,
            "unit": "Cel",
            "about": False,
            "at": "2026-02-28T20:00:00+08:00",
            "precision": "exact",
            "low": None,
            "high": None,
            "since": "2026-02-28T18:00:00+08:00",
            "until": "2026-03-01T00:00:00+08:00",
            "site": None,
            "condition": None,
        }
    ]
    assert out["triage"] == {"level": "routine", "categories": [], "reply": None, "evidence": []}
    assert (out["intent"], out["confidence"], out["in_scope"]) == (None, None, None)


def test_a_model_fills_intent_and_scope() -> None:
    out = understand_line({"id": 1, "text": "讲个笑话"}, classify=lambda text: ("out_of_scope", 0.9))
    assert (out["intent"], out["confidence"], out["in_scope"]) == ("out_of_scope", 0.9, False)


def test_a_medicine_with_its_dose() -> None:
    out = understand_line({"text": "半小时前喂了5毫升美林"})
    assert [(m["text"], m["dose"]) for m in out["medicines"]] == [("美林", "5毫升")]
    assert out["measurements"] == []


def test_a_triage_line_with_a_value() -> None:
    out = triage_line(
        {"id": "c2", "patient": {"age_days": 89, "sex": "M", "tags": []}, "input": {"vital": "temperature", "value": 38.0, "unit": "℃"}}
    )
    assert (out["id"], out["level"], out["categories"]) == ("c2", "emergency", ["fever_infant_lt3m"])
    assert out["evidence"][0]["rule"] == "fever_infant_lt3m"


def test_a_triage_line_with_a_text_and_its_context() -> None:
    out = triage_line({"id": 3, "input": {"text": "有", "context": "有没有抽搐？"}, "patient": {"age_days": 800}})
    assert (out["level"], out["categories"]) == ("emergency", ["convulsion"])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ({"text": "咳嗽", "langauge": "zh"}, "langauge: unknown field"),
        ({"id": 1}, "text"),
        ({"text": "咳嗽", "patient": {"age": 3}}, "patient.age: unknown field"),
        ({"text": "咳嗽", "now": "2026-03-01T08:00:00"}, "now"),
    ],
)
def test_a_wrong_line_is_refused_by_name(line: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as refused:
        understand_line(line)
    assert refused.value.code == "bad_line"


def test_an_input_without_text_or_value_is_refused() -> None:
    with pytest.raises(InputError, match="either text"):
        triage_line({"id": 1, "input": {"vital": "temperature"}})
