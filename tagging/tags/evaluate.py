"""Rules over facts: which tags hold now, and why. `judge` is pure; `take_in` brings what it found, and what was said, to a holding."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tagging.tags.evidence import Evidence
from tagging.tags.facts import Facts, Statement
from tagging.tags.holding import Holding
from tagging.tags.measures import Measures
from tagging.tags.premise import Found
from tagging.tags.rules import Rules, TagRule

# In front of the id of what read a statement, so that it is no rule whose premise could end.
TOLD = "told"
# Of what clinical notes say: it holds as long as a note says so.
NOTED = "note"


@dataclass(frozen=True)
class Verdict:
    """A rule whose premise holds, and the evidence for its tag (or against it)."""

    tag: str
    rule: str
    evidence: Evidence


def judge(facts: Facts, rules: Rules, *, now: datetime, zone: ZoneInfo) -> list[Verdict]:
    """The rules that hold for these facts at `now`, in their order. Pure."""
    measures = Measures(facts, now, zone)
    found = ((rule, rule.when.find(measures)) for rule in rules.rules)
    return [Verdict(rule.tag, rule.id, _evidence(rule, what, now, zone)) for rule, what in found if what is not None]


def take_in(holding: Holding, facts: Facts, verdicts: list[Verdict]) -> None:
    """What no longer holds ends, what holds is carried, what was said counts; last, what has run out ends."""
    holding.settle()
    found = [(verdict.tag, verdict.rule) for verdict in verdicts if not verdict.evidence.against]
    holding.outgrow([*found, *((statement.code, NOTED) for statement in facts.noted if not statement.against)])
    for by, statements in ((TOLD, facts.statements), (NOTED, facts.noted)):
        for statement in statements:
            if statement.code in holding.tags:
                act = holding.oppose if statement.against else holding.support
                act(statement.code, said(statement, by))
    for verdict in verdicts:
        if verdict.tag in holding.tags:
            act = holding.oppose if verdict.evidence.against else holding.support
            act(verdict.tag, verdict.evidence)
    holding.expire()


def said(statement: Statement, by: str = TOLD) -> Evidence:
    """A statement as evidence; `by` is what read it."""
    return Evidence(
        source=statement.source,
        because=statement.because,
        at=statement.at,
        against=statement.against,
        ref_kind=statement.ref_kind,
        ref_id=statement.ref_id,
        rule=by,
        confidence=statement.confidence,
    )


def _evidence(rule: TagRule, found: Found, now: datetime, zone: ZoneInfo) -> Evidence:
    value = found.value
    because = rule.because.format(
        value="" if value is None else f"{value:.4g}",
        percent="" if value is None else f"{100 * value:.0f}",
        count=found.count,
        date=f"{(found.since or found.at).astimezone(zone):%Y-%m-%d}",
        text=found.text[:60],
    )
    kind, id = found.ref
    return Evidence(
        source=rule.speaks_as,
        because=because,
        at=min(found.at, now),
        against=rule.against,
        ref_kind=kind,
        ref_id=id,
        rule=rule.id,
        rule_version=rule.version,
        confidence=rule.confidence,
        since=found.since,
    )
