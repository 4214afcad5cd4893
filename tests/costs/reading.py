"""What it costs to read a message: instructions of Python's own machine, the same in every run, however busy the computer is."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from tagging.patient import PatientFacts
from tagging.triage import triage_text
from tagging.understanding import understand

SETS = Path(__file__).parent.parent.parent / "nlu_data" / "evaluation"
NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
# Every so many lines of the frozen sets.
EACH = 40


def instructions_per_message() -> int:
    """Of reading and judging one message, on average."""
    texts = list(_texts())
    # The first time, caches are filled.
    _read_all(texts)
    return round(_counted(lambda: _read_all(texts)) / len(texts))


def _texts() -> Iterator[str]:
    for name in ("redflags.jsonl", "symptoms.jsonl"):
        for line in (SETS / name).read_text("utf-8").splitlines()[::EACH]:
            each = json.loads(line)
            if text := each.get("text") or (each.get("input") or {}).get("text"):
                yield text


def _read_all(texts: list[str]) -> None:
    patient = PatientFacts(400)
    for text in texts:
        understand(text, context=None, patient=patient, now=NOW)
        triage_text(text, context=None, patient=patient, now=NOW)


def _counted(work: Callable[[], None]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
