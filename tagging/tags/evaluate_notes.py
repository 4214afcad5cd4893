"""Clinical notes against what they say of tags: found, missed, invented, for what they say, leave open, and exclude.

A line is `{"id", "set", "department", "kind", "text", "tags", "possible", "against"}` with the codes of tags. A wider tag of one that is
expected (川崎病 of 冠状动脉瘤) is no mistake.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagging.errors import InputError
from tagging.tags.library import shipped
from tagging.tags.noted import Stance, read_note

STANCES: Mapping[str, Stance] = {"tags": "for", "possible": "possible", "against": "against"}


@dataclass(frozen=True)
class Outcome:
    """One note: what was invented and what was missed, each as `stance code`, and how many were right."""

    id: str
    of: str
    text: str
    right: Mapping[str, int]
    invented: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """All outcomes, in the order of the lines."""

    outcomes: tuple[Outcome, ...]

    def precision(self, stance: str = "tags", of: str | None = None) -> float:
        """Of what was found, the share that is so; 1 where nothing was found."""
        right, invented, _ = self._counted(stance, of)
        return right / (right + invented) if right + invented else 1.0

    def recall(self, stance: str = "tags", of: str | None = None) -> float:
        """Of what is so, the share that was found; 1 where nothing is so."""
        right, _, missed = self._counted(stance, of)
        return right / (right + missed) if right + missed else 1.0

    def _counted(self, stance: str, of: str | None) -> tuple[int, int, int]:
        counts: Counter[str] = Counter()
        for each in self.outcomes:
            if of in (None, each.of):
                counts["right"] += each.right[stance]
                counts["invented"] += sum(one.startswith(f"{stance} ") for one in each.invented)
                counts["missed"] += sum(one.startswith(f"{stance} ") for one in each.missed)
        return counts["right"], counts["invented"], counts["missed"]

    def report(self, *, worst: int = 30) -> str:
        """Figures, and what was wrong, as text."""
        lines = [
            f"{stance:<10} precision {self.precision(stance):.3f}  recall {self.recall(stance):.3f}  (right {right}, invented {new}, "
            f"missed {gone})"
            for stance in STANCES
            for right, new, gone in [self._counted(stance, None)]
        ]
        wrong = [each for each in self.outcomes if each.invented or each.missed]
        shown = [f"  {each.id} invented {list(each.invented)} missed {list(each.missed)}: {each.text[:60]!r}" for each in wrong[:worst]]
        return "\n".join([f"notes      {len(self.outcomes)}", *lines, f"wrong notes ({len(wrong)} in all)", *shown])


def evaluate_notes(lines: Iterable[Mapping[str, Any]]) -> Result:
    """Read every note. Raises InputError for a line without text, or with a tag that the library does not have."""
    return Result(tuple(_outcome(number, line) for number, line in enumerate(lines, 1)))


def evaluate_file(path: Path) -> Result:
    """The notes of a JSONL file. Raises InputError, and ValueError where it is no JSON."""
    with path.open(encoding="utf-8") as file:
        return evaluate_notes([json.loads(line) for line in file if line.strip()])


def _outcome(number: int, line: Mapping[str, Any]) -> Outcome:
    if not isinstance(line.get("text"), str):
        raise InputError("line", f"line {number}: no text.")
    found: dict[str, set[str]] = {stance: set() for stance in STANCES}
    for finding in read_note(line["text"]):
        found[next(name for name, stance in STANCES.items() if stance == finding.stance)].add(finding.code)
    right, invented, missed = {}, list[str](), list[str]()
    for stance, codes in found.items():
        wanted = set(line.get(stance, ()))
        if strange := sorted(wanted - set(shipped().entries)):
            raise InputError("line", f"line {number}: the tag {strange[0]} is not in the library.")
        wider = {parent for code in wanted for parent in _above(code)}
        right[stance] = len(codes & wanted)
        invented += [f"{stance} {code}" for code in sorted(codes - wanted - wider)]
        missed += [f"{stance} {code}" for code in sorted(wanted - codes)]
    return Outcome(str(line.get("id", number)), str(line.get("set", "")), line["text"], right, tuple(invented), tuple(missed))


def _above(code: str) -> Iterable[str]:
    entries, parent = shipped().entries, shipped().entries[code].parent
    while parent is not None:
        yield parent
        parent = entries[parent].parent
