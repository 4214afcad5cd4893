"""Circles among rules are refused before anything runs: what a rule does may not lead, by itself, to the same rule again.

An edge goes from a rule to each that can hear what its actions make happen on the same patient: tags that begin and end (with those
that they count as, and those that they drive out), plans, cohorts that ask for either. What a family has to do first (answer a task,
or not) is no circle by itself, but a pace: a rule on such a way has to leave the patient alone for a day at least.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from plans.adaptation.action import Do
from plans.adaptation.ready import Ready, RuleBook
from plans.adaptation.words import say
from tagging.cohort.scope import Scope

PACE = timedelta(days=1)
# Computed from plans by the rules over tags (tagging/tags/rules/operational.yml).
BY_PLANS = ("in_plan", "no_plan")
# What a family does when it is asked, or leaves undone.
ASKED = ("task", "reading", "sign", "score")


class LoopError(ValueError):
    """The rules stand in a circle; the text is a Chinese sentence that names it."""

    code, permanent = "rules_loop", True

    def __init__(self, sentence: str, rules: Iterable[str]) -> None:
        super().__init__(say(sentence, way=" → ".join(rules)))
        self.rules = frozenset(rules)


@dataclass(frozen=True)
class Library:
    """What the check has to know of the hospital: exclusive groups by tag, and what each cohort reads (`tag:12`, `plan`)."""

    groups: Mapping[int, str]
    cohort_reads: Mapping[int, frozenset[str]]


def check_no_loop(book: RuleBook, library: Library) -> None:
    """Raises LoopError for the first circle that it finds."""
    rules = [each for each in book.rules if not each.rule.off]
    done = {each.rule.key: _signals(each, book.scope, library) for each in rules}
    slow = {each.rule.key: _asks(each) for each in rules}
    quick_edges = {a.rule.key: [b.rule.key for b in rules if _hears(b, done[a.rule.key], library)] for a in rules}
    all_edges = {
        a.rule.key: [*quick_edges[a.rule.key], *(b.rule.key for b in rules if slow[a.rule.key] and b.rule.on.kind in ASKED)] for a in rules
    }
    if circle := _circle(quick_edges):
        raise LoopError("mistakes.loop", circle)
    named = {each.rule.key: each.rule for each in rules}
    hasty = {key: edges for key, edges in all_edges.items() if named[key].again_after < PACE}
    if circle := _circle({key: [to for to in edges if to in hasty] for key, edges in hasty.items()}):
        raise LoopError("mistakes.hasty", circle)


def _signals(ready: Ready, scope: Scope, library: Library) -> set[str]:
    """What the rule's actions make happen at once: `tag_began:12`, `tag_ended:12`, `plan:neonatal:active`."""
    found: set[str] = set()
    for do in ready.rule.do:
        found |= _signals_of(do, scope, library)
    return found


def _signals_of(do: Do, scope: Scope, library: Library) -> set[str]:
    if do.add_tag is not None:
        id = scope.tag(do.add_tag).id
        group = library.groups.get(id)
        rivals = {other for other, name in library.groups.items() if group is not None and name == group and other != id}
        return _tag("tag_began", {id}, scope) | _tag("tag_ended", rivals, scope)
    if do.remove_tag is not None:
        return _tag("tag_ended", {scope.tag(do.remove_tag).id}, scope)
    plans: set[tuple[str, str]] = set()
    if do.start_plan is not None:
        plans = {(do.start_plan.template, "active")}
    elif do.stop_plan is not None:
        plans = {(do.stop_plan.template, "ended")}
    elif do.switch_plan is not None:
        plans = {(do.switch_plan.from_, "ended"), (do.switch_plan.to, "active")}
    computed = {scope.tag(code).id for code in BY_PLANS if any(entry.code == code for entry in scope.tags.values())} if plans else set()
    return (
        {f"plan:{template}:{state}" for template, state in plans}
        | _tag("tag_began", computed, scope)
        | _tag("tag_ended", computed, scope)
    )  # fmt: skip


def _tag(kind: str, ids: Iterable[int], scope: Scope) -> set[str]:
    return {f"{kind}:{id}" for each in ids for id in ({each} | scope.above(each))}


def _asks(ready: Ready) -> bool:
    return any(do.name in ("start_plan", "switch_plan", "change_frequency", "add_task") for do in ready.rule.do)


def _hears(ready: Ready, signals: set[str], library: Library) -> bool:
    on = ready.rule.on
    match on.kind:
        case "tag_began" | "tag_ended":
            return any(f"{on.kind}:{id}" in signals for id in ready.tags)
        case "plan":
            return on.plan is not None and any(
                signal.endswith(f":{on.plan.state}") and on.plan.template in (None, signal.split(":")[1])
                for signal in signals
                if signal.startswith("plan:")
            )
        case "cohort_joined" | "cohort_left":
            reads = library.cohort_reads.get(ready.cohort or 0, frozenset())
            told = {f"tag:{signal.split(':')[1]}" for signal in signals if signal.startswith("tag_")}
            told |= {f"evidence:{fact.split(':')[1]}" for fact in told} | (
                {"plan"} if any(s.startswith("plan:") for s in signals) else set()
            )
            return not reads.isdisjoint(told)
        case _:
            return False


def _circle(edges: Mapping[str, list[str]]) -> list[str]:
    """The first way that comes back to where it began, its beginning at both ends; empty without one."""
    done: set[str] = set()
    for start in edges:
        way, seen = [start], {start}
        pending = [iter(edges[start])]
        while pending:
            following = next(pending[-1], None)
            if following is None:
                pending.pop()
                gone = way.pop()
                seen.discard(gone)
                done.add(gone)
            elif following in seen:
                return [*way[way.index(following) :], following]
            elif following not in done and following in edges:
                way.append(following)
                seen.add(following)
                pending.append(iter(edges[following]))
    return []
