"""Measured on labelled messages that stay outside the repository; skipped where they are not at hand."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tagging.patient import PatientFacts
from tagging.triage import triage_text

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
MESSAGES = Path(__file__).parents[3] / "shared" / "data" / "redflags-dev.jsonl"
LABELS = {"emergency": "escalate", "urgent": "escalate", "same_day": "watch", "routine": "none"}


@pytest.mark.skipif(not MESSAGES.exists(), reason="the labelled messages are not part of the repository")
def test_recall_and_false_alarms_on_labelled_messages() -> None:
    lines = [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
    pairs = []
    for line in lines:
        if line["unsure"]:
            continue
        context = (line.get("context") or "").removeprefix("上一句：") or None
        result = triage_text(line["text"], context=context, patient=PatientFacts(None), now=NOW)
        pairs.append((line["label"], LABELS[result.level]))
    escalate = [got for label, got in pairs if label == "escalate"]
    none = [got for label, got in pairs if label == "none"]
    assert escalate.count("escalate") / len(escalate) >= 0.97
    assert none.count("escalate") / len(none) <= 0.10
