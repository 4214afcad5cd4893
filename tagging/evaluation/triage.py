"""Triage against labelled lines: who is missed, who is alarmed for nothing, and where the level is off.

Three kinds of lines are read: cases `{"patient", "input", "expect": {"level", "category"}}`, labelled messages as in redflags-dev
(`label` escalate, watch or none), and plain utterances, of which only the share at each level can be told.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tagging.command import triage_line
from tagging.content import Content
from tagging.evaluation.score import Share, confusion, counts_by_label
from tagging.tables import LEVELS, severity

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
BY_LEVEL = {"emergency": "escalate", "urgent": "escalate", "same_day": "watch", "routine": "none"}


@dataclass(frozen=True)
class Judged:
    """One line with what was expected (a level, a label of redflags-dev, or None) and what came out."""

    id: str
    text: str
    want: str | None
    category: str | None
    level: str
    categories: tuple[str, ...]
    because: str

    @property
    def want_level(self) -> bool:
        """Whether the line expects an exact level."""
        return self.want in LEVELS

    @property
    def escalates(self) -> bool:
        """Whether somebody must be called."""
        return self.want == "escalate" or (self.want_level and severity(str(self.want)) >= 2)

    @property
    def harmless(self) -> bool:
        """Whether nobody should be called."""
        return self.want in ("none", "routine")

    @property
    def escalated(self) -> bool:
        """Whether somebody was called."""
        return severity(self.level) >= 2

    @property
    def badness(self) -> tuple[int, int]:
        """Worst errors first: levels too low before levels too high, an emergency before the rest."""
        want = {"escalate": 2, "watch": 1, "none": 0}.get(str(self.want), severity(str(self.want)))
        got = severity(self.level)
        if self.want in ("escalate", "watch", "none"):
            got = min(got, 2)
        return (max(want - got, 0) * 10 + want if got < want else 0, max(got - want, 0))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def judge_lines(lines: Iterable[Mapping[str, Any]], *, content: Content | None = None, now: datetime = NOW) -> list[Judged]:
    """Judge every line; labelled lines that their annotator marked unsure are left out."""
    return [_judge(number, line, content, now) for number, line in enumerate(lines, 1) if not line.get("unsure")]


def _judge(number: int, line: Mapping[str, Any], content: Content | None, now: datetime) -> Judged:
    if "input" in line:
        asked = {key: line[key] for key in ("patient", "input", "context", "now") if key in line}
        expect = line.get("expect") or {}
        want, category = expect.get("level"), expect.get("category")
    else:
        context = (line.get("context") or "").removeprefix("上一句：").strip() or None
        asked = {"input": {"text": line["text"], "context": context}}
        want, category = line.get("label"), None
    result = triage_line(asked, now=now, content=content)
    because = "; ".join(f"{e['rule']}: {e['because']}" for e in result["evidence"][:3])
    return Judged(
        str(line.get("id", number)), _shown(asked), want, category, result["level"], tuple(result["categories"]), because
    )  # fmt: skip


def _shown(asked: Mapping[str, Any]) -> str:
    given = asked["input"]
    if isinstance(given, str):
        return given
    shown = given.get("text") or f"{given.get('vital')} {given.get('value')} {given.get('unit') or ''}"
    context = given.get("context") or asked.get("context")
    patient = asked.get("patient")
    return shown + (f" @{context}" if context else "") + (f" {json.dumps(patient, ensure_ascii=False)}" if patient else "")


@dataclass(frozen=True)
class Figures:
    """What the judged lines come to. `exact` and `emergencies` count lines that expect a level, `category` those that expect one."""

    recall: Share
    false_alarms: Share
    precision: Share
    exact: Share
    emergencies: Share
    category: Share


def figures(judged: Sequence[Judged]) -> Figures:
    """Recall of what must be escalated, harmless lines raised, and for cases exact level, emergencies not under-triaged, category."""
    must = [line for line in judged if line.escalates]
    harmless = [line for line in judged if line.harmless]
    raised = [line for line in judged if line.want and line.escalated]
    levels = [line for line in judged if line.want_level]
    grave = [line for line in levels if line.want == "emergency"]
    named = [line for line in levels if line.category and severity(str(line.want))]
    return Figures(
        Share(sum(line.escalated for line in must), len(must)),
        Share(sum(line.escalated for line in harmless), len(harmless)),
        Share(sum(line.escalates for line in raised), len(raised)),
        Share(sum(line.level == line.want for line in levels), len(levels)),
        Share(sum(line.level == "emergency" for line in grave), len(grave)),
        Share(sum(line.category in line.categories for line in named), len(named)),
    )


def report(judged: Sequence[Judged], *, worst: int = 30) -> str:
    """The figures, the confusion by level or label, and the worst errors, as text."""
    got = figures(judged)
    labelled = [line for line in judged if line.want]
    parts = [f"{len(judged)} lines, {len(labelled)} labelled"]
    if labelled:
        parts += [
            "escalate (emergency or urgent)",
            f"  recall              {got.recall}",
            f"  precision           {got.precision}",
            f"  F1                  {_f1(labelled):.3f}",
            f"  harmless raised     {got.false_alarms}",
        ]
    if got.exact.total:
        parts += [
            "cases",
            f"  exact level         {got.exact}",
            f"  emergencies kept    {got.emergencies}",
            f"  category named      {got.category}",
            "",
            confusion([(str(line.want), line.level) for line in labelled if line.want_level], LEVELS),
        ]
    labels = [(str(line.want), BY_LEVEL[line.level]) for line in labelled if not line.want_level]
    if labels:
        parts += ["", confusion(labels, ("escalate", "watch", "none"))]
    if not labelled:
        shares = Counter(line.level for line in judged)
        parts += [f"  {level:<10} {Share(shares[level], len(judged))}" for level in LEVELS]
    wrong = sorted((line for line in labelled if any(line.badness)), key=lambda line: line.badness, reverse=True)
    if wrong:
        parts += ["", f"worst {min(worst, len(wrong))} of {len(wrong)} errors"]
        parts += [f"  {line.id} want {line.want} got {line.level}: {line.text[:120]} <{line.because[:120]}>" for line in wrong[:worst]]
    return "\n".join(parts)


@dataclass(frozen=True)
class Result:
    """All judged lines of a file."""

    lines: tuple[Judged, ...]

    def report(self, *, worst: int = 30) -> str:
        """Figures, confusion and the worst errors as text."""
        return report(self.lines, worst=worst)


def evaluate_file(file: Path) -> Result:
    """Judge the lines of a file. Raises InputError (`bad_line`) for a line that is not in one of the agreed forms."""
    return Result(tuple(judge_lines(read_lines(file))))


def _f1(labelled: Sequence[Judged]) -> float:
    pairs = (("escalate" if line.escalates else "rest", "escalate" if line.escalated else "rest") for line in labelled)
    return counts_by_label(pairs)["escalate"].f1 if any(line.escalates for line in labelled) else 1.0
