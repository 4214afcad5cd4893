"""Random sets of rules: with the guards none runs on and on; without them those that the check lets through end by themselves."""

from collections import deque
from collections.abc import Iterator
from datetime import date
from typing import Any

from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from plans.adaptation.event import Event
from plans.adaptation.history import History
from plans.adaptation.loops import Library, LoopError, check_no_loop
from plans.adaptation.ready import RuleBook
from plans.adaptation.rule import Rule
from plans.adaptation.try_out import book_alone
from plans.adaptation.weigh import MOST_A_DAY, MOST_DEPTH, Fired, weigh
from tests.plans.adaptation.given import NOW, rule

TAGS = ("follow.fever", "follow.closer", "lives_far", "cost_worry", "carer.alone", "prefers.phone")
tags = st.sampled_from(TAGS)
acts = st.builds(lambda do, tag: {do: tag}, st.sampled_from(("add_tag", "remove_tag")), tags)
listens = st.builds(lambda on, tag: {on: tag}, st.sampled_from(("tag_began", "tag_ended")), tags)
only = st.none() | st.builds(lambda sign, tag: f"{sign}标签 {tag}", st.sampled_from(("", "非 ")), tags)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    found = []
    for number in range(draw(st.integers(1, 12))):
        said: dict[str, Any] = {"again_after": draw(st.sampled_from(("1h", "1d")))}
        if (condition := draw(only)) is not None:
            said["only"] = condition
        found.append(rule(f"r{number}", draw(listens), *draw(st.lists(acts, min_size=1, max_size=3)), **said))
    return found


class Boundless(Fired):
    """No guard at all."""

    def holds_back(self, *_: Any) -> str | None:
        return None


def run(book: RuleBook, start: str, fired: Fired) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every firing with the rules that stand behind it, as one patient's tags come and go."""
    ids = {entry.code: id for id, entry in book.scope.tags.items()}
    history = History(1, 1, None, date(2023, 1, 1), tags={ids[start]: NOW})
    waiting: deque[tuple[Event, tuple[str, ...]]] = deque([(_event("tag_began", ids[start], 0), ())])
    while waiting:
        event, behind = waiting.popleft()
        found = [one for ready in book.hearing(event) if (one := weigh(ready, event, history, at=NOW, book=book))]
        allowed = []
        for one in found:
            if fired.holds_back(one.ready, event, NOW) is None:
                fired.note(one.ready, NOW)
                allowed.append(one)
        for one in allowed:
            way = (*behind, one.ready.rule.id)
            yield one.ready.rule.id, way
            for do in one.ready.rule.do:
                id = ids[do.add_tag or do.remove_tag or ""]
                if do.add_tag and id not in history.tags:
                    history.tags[id] = NOW
                    waiting.append((_event("tag_began", id, event.depth + 1), way))
                elif do.remove_tag and history.tags.pop(id, None):
                    waiting.append((_event("tag_ended", id, event.depth + 1), way))


def _event(kind: str, id: int, depth: int) -> Event:
    return Event(0, 1, kind, NOW, NOW, None, None, {"tag": id}, None, depth)


@settings(max_examples=150, deadline=None)
@drawn(rule_sets(), tags)
def test_the_guards_bound_any_set_of_rules(rules: list[Rule], start: str) -> None:
    firings = list(run(book_alone(rules), start, Fired()))
    names = [name for name, _ in firings]
    # Nobody's clock moves here, so that each rule fires once at most, whatever the others do.
    assert len(names) == len(set(names)) <= MOST_A_DAY
    assert all(len(way) <= MOST_DEPTH for _, way in firings)


@settings(max_examples=150, deadline=None)
@drawn(rule_sets(), tags)
def test_what_the_check_lets_through_ends_by_itself(rules: list[Rule], start: str) -> None:
    book = book_alone(rules)
    try:
        check_no_loop(book, Library({}, {}))
    except LoopError as err:
        assert err.rules <= {rule.id for rule in rules}
        return
    for _, way in run(book, start, Boundless()):
        assert len(way) == len(set(way)) <= len(rules)


def test_a_patient_gets_no_more_than_so_many_in_a_day() -> None:
    fired = Fired()
    for number in range(MOST_A_DAY + 5):
        [ready] = book_alone([rule(f"r{number}", {"tag_began": "lives_far"}, {"errand": {"text": "请联系家属"}})]).rules
        event = _event("tag_began", next(iter(ready.tags)), 0)
        held = fired.holds_back(ready, event, NOW)
        assert (held == "many") == (number >= MOST_A_DAY)
        if held is None:
            fired.note(ready, NOW)
