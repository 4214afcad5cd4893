"""What becomes of a patient's tags, whatever is said in whatever order."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from records.patient import Patient
from records.tag import CARRIED, PATIENT_TAG_MOVES, Tag
from tagging.tags.errors import TagError
from tagging.tags.evidence import Evidence
from tagging.tags.holding import Holding
from tagging.tags.library import shipped
from tests.tagging.tags.conftest import NOW, days, his, ruled, told

LIBRARY = {
    code: Tag(
        id=number, code=code, name=entry.name, kind=entry.kind, exclusive_group=entry.group, expires_days=entry.expires_days, active=True
    )
    for number, (code, entry) in enumerate(shipped().entries.items(), 1)
}
TRIAGE, LOWERS = shipped().triage, shipped().lowers


def child(*tags: str) -> Holding:
    return Holding(Patient(id=1, tags=list(tags)), LIBRARY, NOW)


def states(holding: Holding) -> dict[str, str]:
    return {code: row.state for code, row in holding.rows.items()}


def test_the_same_evidence_twice_counts_once() -> None:
    one = child()
    assert one.support("asthma", his())
    assert not one.support("asthma", his())
    assert one.support("asthma", told())
    assert len(one.reasons) == 2 and len(one.moves) == 1


def test_contradicting_evidence_is_shown_and_asked_about() -> None:
    one = child()
    one.support("asthma", his())
    assert one.oppose("asthma", told(because="「没有哮喘」"))
    assert states(one) == {"asthma": "contested"} and one.rows["asthma"].asks
    assert one.for_triage(TRIAGE, LOWERS) == ["asthma"]


def test_nothing_is_contradicted_where_nothing_is_carried() -> None:
    one = child()
    assert not one.oppose("asthma", told()) and not one.rows


def test_a_refusal_stands_until_something_new_is_said() -> None:
    one = child()
    one.support("asthma", his())
    one.decide("asthma", carries=False, by="linyue", why="误诊")
    assert not one.support("asthma", his()) and not one.rows["asthma"].asks
    assert one.support("asthma", his(ref_id=2))
    assert states(one) == {"asthma": "refused"} and one.rows["asthma"].asks
    one.decide("asthma", carries=True, by="linyue", why="复诊确认")
    assert states(one) == {"asthma": "active"} and not one.rows["asthma"].asks


def test_what_was_refused_beforehand_is_not_carried() -> None:
    one = child()
    one.decide("asthma", carries=False, by="linyue", why="只是喘息一次")
    assert one.support("asthma", told()) and not one.carried()


def test_a_refused_finding_of_a_rule_is_asked_about_when_it_was_gone_and_is_back() -> None:
    one = child()
    one.support("phq.mild", ruled())
    one.decide("phq.mild", carries=False, by="linyue", why="当天有误会")
    row = one.rows["phq.mild"]
    for holds, asks in ((True, False), (False, False), (False, False), (True, True)):
        one.outgrow([("phq.mild", "phq_mild")] if holds else [])
        if holds:
            one.support("phq.mild", ruled())
        assert (row.state, row.asks) == ("refused", asks)
    one.decide("phq.mild", carries=False, by="linyue", why="仍不是")
    one.support("phq.mild", ruled())
    assert (row.state, row.asks) == ("refused", False)


def test_of_an_exclusive_group_the_newer_evidence_wins() -> None:
    one = child()
    one.support("phq.mild", ruled(at=NOW - days(30)))
    assert one.support("phq.moderate", ruled(at=NOW - days(2), rule="phq_moderate"))
    assert not one.support("phq.mild", ruled(at=NOW - days(9), ref_id=7))
    assert states(one) == {"phq.moderate": "active"}
    assert [(move.old, move.new) for move in one.moves] == [(None, "active"), ("active", "ended"), (None, "active")]


def test_of_an_exclusive_group_what_a_person_decided_stays_and_somebody_is_asked() -> None:
    one = child()
    one.decide("adherence.high", carries=True, by="linyue", why="家访")
    assert not one.support("adherence.low", ruled(rule="pdc_low"))
    assert states(one) == {"adherence.high": "contested"} and one.rows["adherence.high"].asks


def test_words_do_not_displace_what_the_hospital_knows() -> None:
    one = child()
    one.support("extremely_preterm", his(at=NOW - days(9)))
    assert not one.support("very_preterm", told())
    assert states(one) == {"extremely_preterm": "contested"}


def test_a_clinician_chooses_within_a_group() -> None:
    one = child()
    one.support("attitude.anxious", told())
    one.decide("attitude.relaxed", carries=True, by="linyue", why="电话沟通")
    assert states(one) == {"attitude.relaxed": "active"}


def test_a_tag_ends_with_the_premise_of_its_rule() -> None:
    one = child()
    one.support("fever_recurrent", ruled(rule="two_fevers"))
    assert one.outgrow([("fever_recurrent", "two_fevers")]) == []
    assert one.outgrow([]) == ["fever_recurrent"]
    assert one.support("fever_recurrent", ruled(rule="two_fevers"))


def test_what_somebody_said_outlives_the_premise() -> None:
    one = child()
    one.support("asthma", his())
    one.support("asthma", told())
    one.support("chemo", his())
    one.decide("chemo", carries=True, by="suyang", why="疗程未结束")
    assert one.outgrow([]) == []


def test_a_tag_expires_and_old_evidence_does_not_bring_it_back() -> None:
    one = child()
    one.support("postop", his(at=NOW - days(41)))
    assert one.expire() == []
    later = replace(one, now=NOW + days(2))
    assert later.expire() == ["postop"]
    assert not later.support("postop", his(at=NOW - days(41), ref_id=9))


def test_what_a_person_ended_stays_ended_for_the_reasons_there_were() -> None:
    one = child()
    one.support("chemo", his())
    one.end("chemo", by="suyang", why="疗程结束")
    assert not one.support("chemo", his()) and not one.carried()
    assert one.support("chemo", his(ref_id=2))


def test_where_two_records_became_one_the_newest_of_a_group_stays() -> None:
    one, other = child(), child()
    one.support("phq.mild", ruled())
    other.support("phq.severe", ruled(at=NOW - days(5), rule="phq_severe"))
    one.rows["phq.severe"] = other.rows["phq.severe"]
    one.settle()
    assert states(one) == {"phq.mild": "active"}


def test_computed_tags_are_refused_by_hand() -> None:
    one = child()
    one.support("contact.week", ruled())
    for act in (
        lambda: one.decide("contact.none", carries=True, by="linyue", why="试试"),
        lambda: one.decide("contact.week", carries=False, by="linyue", why="试试"),
        lambda: one.end("contact.week", by="linyue", why="试试"),
    ):
        with pytest.raises(TagError, match="nobody types it"):
            act()
    with pytest.raises(TagError, match="no tag 'sorcery'"):
        one.decide("sorcery", carries=True, by="linyue", why="试试")


def test_words_of_the_family_count_for_triage_only_where_they_cannot_lower_it() -> None:
    one = child()
    for code in ("chemo", "diabetes", "itp"):
        one.support(code, told())
    assert one.for_triage(TRIAGE, LOWERS) == ["chemo"]
    one.support("diabetes", his())
    assert one.for_triage(TRIAGE, LOWERS) == ["chemo", "diabetes"]


def test_what_was_typed_by_hand_stays_and_is_a_persons_word() -> None:
    one = child("picc", "our_own_code", "chemo")
    one.adopt("registry", "登记时手工填写")
    assert one.rows["picc"].source == "person" and one.rows["picc"].decided_by == "registry"
    assert one.for_triage(TRIAGE, LOWERS) == ["picc", "our_own_code", "chemo"]
    one.end("picc", by="linyue", why="已拔管")
    assert one.for_triage(TRIAGE, LOWERS) == ["our_own_code", "chemo"]


CODES = st.sampled_from(
    ["asthma", "chemo", "itp", "postop", "phq.mild", "phq.moderate", "phq.severe", "very_preterm", "extremely_preterm", "fever_recurrent"]
)
EVIDENCE = st.builds(
    lambda make, back, ref_id, rule_id: make(at=NOW + timedelta(hours=back), ref_id=ref_id, rule=rule_id),
    st.sampled_from([his, told, ruled]),
    st.integers(-24 * 60, 24 * 5),
    st.integers(1, 4),
    st.sampled_from(["one", "two"]),
)


class Tags(RuleBasedStateMachine):
    """Anything may be said and decided in any order, while time goes on."""

    @initialize(typed=st.sets(st.sampled_from(["chemo", "picc", "unknown_code"])))
    def begin(self, typed: set[str]) -> None:
        self.one = child(*sorted(typed))
        self.one.adopt("registry", "登记")
        self.decided: dict[str, bool] = {}
        self.history: dict[int, list[str]] = {}

    @rule(code=CODES, evidence=EVIDENCE)
    def supported(self, code: str, evidence: Evidence) -> None:
        before = states(self.one)
        changed = self.one.support(code, evidence)
        assert changed or states(self.one) == before or "contested" in states(self.one).values()
        assert not self.one.support(code, evidence)

    @rule(code=CODES, evidence=EVIDENCE)
    def opposed(self, code: str, evidence: Evidence) -> None:
        carried = set(self.one.carried())
        self.one.oppose(code, evidence)
        assert set(self.one.carried()) == carried
        assert not self.one.oppose(code, evidence)

    @rule(code=CODES, carries=st.booleans())
    def decided_by_a_person(self, code: str, carries: bool) -> None:
        self.one.decide(code, carries=carries, by="linyue", why="查房")
        assert (code in self.one.carried()) == carries
        assert not self.one.rows[code].asks

    @rule(code=CODES)
    def ended_by_a_person(self, code: str) -> None:
        if code in self.one.rows:
            self.one.end(code, by="linyue", why="结束")
        assert code not in self.one.rows

    @rule(holds=st.sets(st.tuples(CODES, st.sampled_from(["one", "two"]))))
    def looked_at(self, holds: set[tuple[str, str]]) -> None:
        people = {code for code, row in self.one.carried().items() if row.decided_by}
        self.one.outgrow(holds)
        assert people <= set(self.one.carried())

    @rule(hours=st.integers(1, 24 * 50))
    def time_goes_on(self, hours: int) -> None:
        self.one.now += timedelta(hours=hours)
        self.one.expire()
        assert all(row.expires_at is None or row.expires_at > self.one.now for row in self.one.carried().values())

    @rule()
    def written(self) -> None:
        self.one.patient.tags = self.one.for_triage(TRIAGE, LOWERS)

    @invariant()
    def of_a_group_one_is_carried(self) -> None:
        groups = Counter(LIBRARY[code].exclusive_group for code in self.one.carried())
        assert all(count == 1 for group, count in groups.items() if group)

    @invariant()
    def what_is_contested_is_asked_about(self) -> None:
        assert all(row.asks for row in self.one.rows.values() if row.state == "contested")

    @invariant()
    def every_move_is_on_the_table_and_every_change_has_a_reason(self) -> None:
        at = {}
        for move in self.one.moves:
            assert at.get(id(move.row)) == move.old
            assert move.old is None or move.new in PATIENT_TAG_MOVES[move.old]
            at[id(move.row)] = move.new
        assert {id(row) for row, _ in self.one.reasons} >= {id(row) for row in self.one.begun}

    @invariant()
    def no_reason_is_written_twice(self) -> None:
        keys = Counter((id(row), evidence.key) for row, evidence in self.one.reasons if evidence.key)
        assert all(count == 1 for count in keys.values())

    @invariant()
    def triage_reads_what_is_carried_and_no_words_that_lower(self) -> None:
        read = set(self.one.for_triage(TRIAGE, LOWERS))
        carried = self.one.carried()
        assert {code for code in carried if code in TRIAGE - LOWERS} == read & (TRIAGE - LOWERS)
        assert all(carried[code].state in CARRIED for code in read & set(LIBRARY))
        assert ("unknown_code" in read) == ("unknown_code" in self.one.patient.tags)


TestTags = Tags.TestCase
TestTags.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("habit_first", [True, False])
@pytest.mark.parametrize("habit_at", [days(-3), days(0)])
def test_a_wish_that_was_told_outdoes_a_habit_that_was_counted_whichever_came_first(habit_first: bool, habit_at: timedelta) -> None:
    one = child()
    wish = told(because="「上午联系我」", confidence=0.7, at=NOW + days(-1))
    habit = ruled(because="近90天8次随访应答，88%在晚上", confidence=0.5, at=NOW + habit_at)
    for code, evidence in [("hours.evening", habit), ("hours.morning", wish)][:: 1 if habit_first else -1]:
        one.support(code, evidence)
    assert set(one.carried()) == {"hours.morning"}
