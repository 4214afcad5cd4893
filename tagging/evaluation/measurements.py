"""Measurements against labelled phrases: what was read right, what was asked, and what was wrong without a word.

A line is `{"text", "context"?, "patient"?, "now"?, "expect": {"measurements": [{"vital", "value", "unit", …}], "question": bool,
"doses"?: […]}}`. Of a measurement, `vital`, `value` and `unit` always count, and `precision` (exact if left out); `low`, `at`, `since`,
`until`, `site`, `condition` and `about` count where the line tells them. Lines in the plain form (plain.py) are read too.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tagging.command import facts_of
from tagging.content import default_content
from tagging.errors import InputError
from tagging.evaluation.plain import as_found, full_form, is_plain
from tagging.evaluation.score import Counts, Share, counts_of, describe
from tagging.measurement import Measurement, find_doses, find_measurements

# The instant at which a line without `now` was written; the frozen set counts its times from it.
NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
_CIRCUMSTANCES = ("precision", "low", "at", "since", "until", "site", "condition", "about")


@dataclass(frozen=True)
class Outcome:
    """One line: `right` in everything told, `silent` if a value is wrong or invented and nothing was asked; `why` names the difference."""

    id: str
    text: str
    right: bool
    silent: bool
    counts: Counts
    why: str
    vitals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """All outcomes, in the order of the lines."""

    outcomes: tuple[Outcome, ...]

    @property
    def right(self) -> Share:
        """Lines in which everything was right."""
        return Share(sum(outcome.right for outcome in self.outcomes), len(self.outcomes))

    @property
    def silent(self) -> tuple[Outcome, ...]:
        """Lines with a wrong value and no question."""
        return tuple(outcome for outcome in self.outcomes if outcome.silent)

    def report(self, *, worst: int = 30) -> str:
        """Figures and the worst errors as text: silent wrong values first."""
        by_vital: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for outcome in self.outcomes:
            by_vital.update(set(outcome.vitals))
            if not outcome.right:
                wrong.update(set(outcome.vitals))
        table = [f"  {vital:<18} {Share(total - wrong[vital], total)}" for vital, total in sorted(by_vital.items())]
        errors = sorted((outcome for outcome in self.outcomes if not outcome.right), key=lambda outcome: not outcome.silent)
        shown = [f"  {'SILENT ' if error.silent else ''}{error.id} {error.text!r}: {error.why}" for error in errors[:worst]]
        return "\n".join(
            [
                f"lines right         {self.right}",
                f"silent wrong values {len(self.silent)}",
                describe("values (vital, value, unit)", [outcome.counts for outcome in self.outcomes]),
                "lines right, by vital",
                *table,
                f"worst errors ({len(errors)} in all)",
                *shown,
            ]
        )


def evaluate_measurements(rows: Iterable[Mapping[str, Any]]) -> Result:
    """Read every line and compare. Raises InputError (`bad_line`, …) for a line that is in neither form, naming it."""
    return Result(tuple(_outcome(row, number) for number, row in enumerate(rows, 1)))


def evaluate_file(file: Path) -> Result:
    """Evaluate a JSONL file."""
    return evaluate_measurements(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def _outcome(row: Mapping[str, Any], number: int) -> Outcome:
    if not isinstance(row.get("text"), str) or "expect" not in row:
        raise InputError("bad_line", f"line {number}: a phrase needs `text` and `expect`")
    row = full_form(row, number, default_content()) if is_plain(row) else row
    expect = row["expect"]
    now = datetime.fromisoformat(row["now"]) if row.get("now") else NOW
    found, questions = find_measurements(row["text"], context=row.get("context"), patient=facts_of(row.get("patient")), now=now)
    wanted = [as_found(want, found) for want in expect.get("measurements", [])]
    counts = counts_of(map(_key, wanted), ((m.vital, round(m.value, 2), m.unit) for m in found))
    differences = [_difference(want, got) for want, got in zip(wanted, found, strict=False)]
    if len(wanted) != len(found) or counts.fp or counts.fn:
        differences = [f"found {[(m.vital, m.value) for m in found]}, expected {[(w['vital'], w['value']) for w in wanted]}"]
    if bool(questions) != bool(expect.get("question", False)):
        differences.append(f"asked {questions}" if questions else "asked nothing")
    if "doses" in expect:
        differences.append(_doses(row["text"], expect["doses"]))
    why = "; ".join(difference for difference in differences if difference)
    vitals = tuple(w["vital"] for w in wanted) or ("question" if expect.get("question") else "nothing",)
    return Outcome(str(row.get("id", number)), row["text"], not why, bool(counts.fp and not questions), counts, why, vitals)


def _key(wanted: Mapping[str, Any]) -> tuple[str, float, str]:
    return wanted["vital"], round(float(wanted["value"]), 2), wanted["unit"]


def _difference(wanted: Mapping[str, Any], found: Measurement) -> str:
    parts = []
    for name in _CIRCUMSTANCES:
        want = wanted.get(name, "exact" if name == "precision" and not wanted.get("rounded") else None)
        got = getattr(found, name)
        if want is None:
            continue
        same = abs(want - got) < 0.005 if isinstance(want, float) and got is not None else _instant(want) == got
        if not same:
            parts.append(f"{name} {got}, expected {want}")
    return ", ".join(parts)


def _instant(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


def _doses(text: str, wanted: Iterable[Mapping[str, float | str]]) -> str:
    found = [{name: value for name, value in asdict(dose).items() if value is not None} for dose in find_doses(text)]
    said = [
        {name: round(v, 3) if isinstance(v, float) else v for name, v in d.items() if name not in ("start", "end", "text", "low")}
        for d in found
    ]
    return "" if said == list(wanted) else f"doses {said}, expected {list(wanted)}"
