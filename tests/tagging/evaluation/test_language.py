"""The frozen symptom sentences gate what may be lost; the scoring itself is tried on lines whose figures are known."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tagging.content import default_content
from tagging.evaluation.language import evaluate_file, score_lines

FROZEN = Path(__file__).parents[3] / "nlu_data" / "evaluation" / "symptoms.jsonl"
SHARED = Path(__file__).parents[4] / "shared" / "data"


def test_the_frozen_sentences_keep_their_figures() -> None:
    result = evaluate_file(FROZEN)
    assert len(result.lines) >= 640
    assert sum(count.tp for count in result.spans) / sum(count.tp + count.fn for count in result.spans) >= 0.98
    assert sum(count.tp for count in result.spans) / sum(count.tp + count.fp for count in result.spans) >= 0.98
    assert result.status_f1 >= 0.98
    for field in ("concept", "whose", "when"):
        pairs = result.pairs(field)
        assert sum(want == got for want, got in pairs) / len(pairs) >= 0.98


def test_the_labels_of_the_frozen_sentences_fit_their_text_and_the_tables() -> None:
    concepts = default_content().symptoms.concepts
    used: Counter[str] = Counter()
    for line in FROZEN.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for mention in row["mentions"]:
            assert row["text"][mention["start"] : mention["end"]] == mention["text"]
            assert mention["concept"] in concepts
            used[mention["concept"]] += 1
    assert len(used) >= 200


def test_a_perfect_line_a_wrong_span_and_a_wrong_status() -> None:
    right = {"text": "没有咳嗽", "mentions": [{"start": 2, "end": 4, "text": "咳嗽", "concept": "cough", "status": "absent"}]}
    wrong = {"text": "有点咳嗽", "mentions": [{"start": 0, "end": 4, "text": "有点咳嗽", "concept": "cough", "status": "absent"}]}
    result = score_lines([right, wrong])
    assert [(count.tp, count.fp, count.fn) for count in result.spans] == [(1, 0, 0), (0, 1, 1)]
    assert result.pairs("status") == [("absent", "absent"), ("absent", "present")]
    assert "有点咳嗽" in result.report(worst=1)


def test_the_forms_of_public_data_are_read() -> None:
    spans = score_lines([{"id": "a", "text": "宝宝发烧", "entities": [[2, 4, "Symptom"], [0, 2, "Drug"]]}])
    assert [(count.tp, count.fp, count.fn) for count in spans.spans] == [(1, 0, 0)]
    slots = score_lines([{"text": "发烧，不咳嗽", "explicit": {"发烧": True, "咳嗽": False, "抽搐": True}}])
    assert slots.pairs("status") == [("present", "present"), ("absent", "absent"), ("present", "unknown")]
    assert slots.lines[0].missed == ("抽搐",)


@pytest.mark.skipif(not (SHARED / "dx-selfreports.jsonl").exists(), reason="the self-reports are not part of the repository")
def test_the_symptoms_of_self_reports_are_found() -> None:
    pairs = evaluate_file(SHARED / "dx-selfreports.jsonl").pairs("status")
    assert sum(want == got for want, got in pairs) / len(pairs) >= 0.93


@pytest.mark.skipif(not (SHARED / "imcs-train-utterances.jsonl").exists(), reason="the consultations are not part of the repository")
def test_exact_spans_in_consultations() -> None:
    lines = (SHARED / "imcs-train-utterances.jsonl").read_text(encoding="utf-8").splitlines()
    counts = score_lines(json.loads(line) for line in lines[::5]).spans
    found = sum(count.tp for count in counts)
    assert 2 * found / sum(2 * count.tp + count.fp + count.fn for count in counts) >= 0.82
