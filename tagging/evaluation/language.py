"""Symptom mentions against labelled lines: exact spans, status, and what went wrong worst.

Three forms of lines are read, told apart by their fields:

- `{"text", "entities": [[start, end, type]]}` (IMCS-21): the spans of type Symptom count, exactly.
- `{"text", "explicit": {name: bool}}` (DX self-reports): each named symptom counts as present or absent; names are in dx.yml.
- `{"text", "context"?, "mentions": [{"start", "end", "concept", "status", "whose"?, "when"?}]}` (our own): spans, and of a span that was
  found at least in part, concept, status, person and time.

Status is scored as present, absent or unknown (possible, asked about, or not found at all in a DX line).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tagging.content import Content, default_content
from tagging.evaluation.score import Counts, Share, confusion, counts_by_label, counts_of, describe, macro_f1
from tagging.medicine import find_medicines, names_only
from tagging.symptom import SymptomMention, find_mentions

STATUSES = ("present", "absent", "unknown")
_UNKNOWN = {"possible": "unknown", "asked": "unknown"}


@dataclass(frozen=True)
class Scored:
    """One line: counts of exact spans (None where the form has none) and pairs of (expected, found) by field."""

    id: str
    text: str
    spans: Counts | None
    status: tuple[tuple[str, str], ...] = ()
    concept: tuple[tuple[str, str], ...] = ()
    whose: tuple[tuple[str, str], ...] = ()
    when: tuple[tuple[str, str], ...] = ()
    missed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def badness(self) -> int:
        """How many things are wrong in the line; a wrong status weighs double."""
        wrong = sum(want != got for pairs in (self.concept, self.whose, self.when) for want, got in pairs)
        return wrong + 2 * sum(want != got for want, got in self.status) + len(self.missed) + len(self.extra)


@dataclass(frozen=True)
class Result:
    """All scored lines of a file."""

    lines: tuple[Scored, ...]

    @property
    def spans(self) -> list[Counts]:
        """Counts of exact spans per line."""
        return [line.spans for line in self.lines if line.spans is not None]

    @property
    def status_f1(self) -> float:
        """Macro-F1 over the statuses that are expected."""
        return macro_f1(self.pairs("status"))

    def pairs(self, field: str) -> list[tuple[str, str]]:
        """All (expected, found) of a field of Scored."""
        return [pair for line in self.lines for pair in getattr(line, field)]

    def report(self, *, worst: int = 30) -> str:
        """Figures, confusion by status and the worst errors as text."""
        parts = [f"{len(self.lines)} lines"]
        if self.spans:
            parts.append(describe("symptom mentions, exact span", self.spans))
        statuses = self.pairs("status")
        if statuses:
            by_status = counts_by_label(statuses)
            parts.append(f"status macro-F1       {self.status_f1:.3f}")
            parts += [f"  {status:<10} F1 {by_status[status].f1:.3f}" for status in STATUSES if status in by_status]
            parts += ["", confusion(statuses, STATUSES), ""]
        for field in ("concept", "whose", "when"):
            pairs = self.pairs(field)
            if pairs:
                parts.append(f"{field:<10} right  {Share(sum(want == got for want, got in pairs), len(pairs))}")
        wrong = sorted((line for line in self.lines if line.badness), key=lambda line: line.badness, reverse=True)
        parts.append(f"worst {min(worst, len(wrong))} of {len(wrong)} lines with an error")
        return "\n".join([*parts, *(f"  {_described(line)}" for line in wrong[:worst])])


def evaluate_file(file: Path) -> Result:
    """Score a JSONL file. Raises KeyError for a line that is in none of the three forms."""
    return score_lines(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def score_lines(rows: Iterable[Mapping[str, Any]], *, content: Content | None = None) -> Result:
    """Score lines in any of the three forms."""
    tables = content or default_content()
    return Result(tuple(_score(row, str(row.get("id", number)), tables) for number, row in enumerate(rows, 1)))


def named_symptoms(text: str, *, context: str | None, content: Content) -> list[SymptomMention]:
    """The mentions of symptoms as `careloop understand` prints them: without findings that all is well."""
    medicines = names_only(find_medicines(text))
    found = find_mentions(text, context=context, medicines=medicines, content=content)
    return [mention for mention in found if content.symptoms.concepts[mention.concept].kind != "normal"]


def _score(row: Mapping[str, Any], name: str, tables: Content) -> Scored:
    found = named_symptoms(row["text"], context=row.get("context"), content=tables)
    if "explicit" in row:
        return _score_slots(row, name, found)
    if "entities" in row:
        return _score_spans(row["text"], name, [(start, end) for start, end, kind in row["entities"] if kind == "Symptom"], found)
    wanted = row["mentions"]
    spans = _score_spans(row["text"], name, [(want["start"], want["end"]) for want in wanted], found)
    pairs = [(want, got) for want in wanted if (got := _match(want, found))]
    return Scored(
        name,
        row["text"],
        spans.spans,
        tuple((_status(want["status"]), _status(got.status)) for want, got in pairs),
        tuple((want["concept"], got.concept) for want, got in pairs),
        tuple((want.get("whose", "patient"), got.whose) for want, got in pairs),
        tuple((want.get("when", "now"), got.when) for want, got in pairs),
        spans.missed,
        spans.extra,
    )


def _score_spans(text: str, name: str, wanted: list[tuple[int, int]], found: list[SymptomMention]) -> Scored:
    got = [(mention.start, mention.end) for mention in found]
    missed = tuple(text[start:end] for start, end in wanted if (start, end) not in got)
    extra = tuple(text[start:end] for start, end in got if (start, end) not in wanted)
    return Scored(name, text, counts_of(wanted, got), missed=missed, extra=extra)


def _score_slots(row: Mapping[str, Any], name: str, found: list[SymptomMention]) -> Scored:
    pairs, missed = [], []
    for slot, present in row["explicit"].items():
        concepts = _dx_names().get(slot, ())
        statuses = [_status(mention.status) for mention in found if mention.concept in concepts and mention.whose == "patient"]
        got = next((status for status in ("present", "absent") if status in statuses), "unknown")
        pairs.append(("present" if present else "absent", got))
        if not statuses:
            missed.append(slot)
    return Scored(name, row["text"], None, status=tuple(pairs), missed=tuple(missed))


def _match(want: Mapping[str, Any], found: list[SymptomMention]) -> SymptomMention | None:
    exact = [mention for mention in found if (mention.start, mention.end) == (want["start"], want["end"])]
    return next(iter([*exact, *(mention for mention in found if mention.start < want["end"] and want["start"] < mention.end)]), None)


def _status(status: str) -> str:
    return _UNKNOWN.get(status, status)


def _described(line: Scored) -> str:
    wrong = [
        f"{field} {want}→{got}" for field in ("status", "concept", "whose", "when") for want, got in getattr(line, field) if want != got
    ]
    wrong += [f"missed {words}" for words in line.missed] + [f"extra {words}" for words in line.extra]
    return f"{line.id} {line.text[:100]!r}: {', '.join(wrong)}"


@cache
def _dx_names() -> dict[str, tuple[str, ...]]:
    raw: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "dx.yml").read_text(encoding="utf-8"))
    return {name: tuple(concepts) for name, concepts in raw.items()}
