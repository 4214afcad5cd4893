"""Rules over facts: tables of facts in, tags out; and rules that are refused."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.tags.errors import TagError
from tagging.tags.evaluate import judge
from tagging.tags.facts import Diagnosis, Facts, Filled, FollowUp, Lab, Medicine, Message, Reading, Stay
from tagging.tags.library import shipped
from tagging.tags.load_facts import _substance
from tagging.tags.measures import Measures
from tagging.tags.rules import read_rules, shipped_rules
from tests.tagging.tags.conftest import NOW, ZONE, days

RULES = shipped_rules()
TODAY = NOW.astimezone(ZONE).date()


def child(**given: Any) -> Facts:
    return Facts(1, born=TODAY - timedelta(days=given.pop("age_days", 2000)), **given)


def tags(facts: Facts) -> set[str]:
    """What the rules give, without what is only counted."""
    operational = {code for code, entry in shipped().entries.items() if entry.kind == "operational"}
    return {verdict.tag for verdict in judge(facts, RULES, now=NOW, zone=ZONE)} - operational


def counted(facts: Facts) -> set[str]:
    return {verdict.tag for verdict in judge(facts, RULES, now=NOW, zone=ZONE)} - tags(facts)


def fever(hours_ago: float, value: float = 38.5, id: int = 1) -> Reading:
    return Reading(id, "temperature", NOW - timedelta(hours=hours_ago), value, "Cel", None)


def hba1c(days_ago: int, value: float, unit: str = "%") -> Lab:
    return Lab(days_ago, "糖化血红蛋白(HbA1c)", NOW - days(days_ago), value, unit)


def rx(name: str, start: int, end: int | None, id: int = 1, status: str = "active") -> Medicine:
    """A prescription from `start` to `end` days ago."""
    starts = TODAY - timedelta(days=start)
    ends = None if end is None else TODAY - timedelta(days=end)
    return Medicine(id, name, status, starts, ends, NOW - days(start), *_substance(name))


def follow_up(days_ago: int, state: str, id: int = 1) -> FollowUp:
    at = NOW - days(days_ago)
    return FollowUp(id, state, at.date(), at, at + timedelta(hours=10))


CASES: list[tuple[str, Facts, set[str]]] = [
    ("nothing known", child(), set()),
    ("born at 36 weeks", child(gestational_age_weeks=36), {"preterm"}),
    ("born at 37 weeks", child(gestational_age_weeks=37), set()),
    (
        "born at 31 weeks",
        child(gestational_age_weeks=31, birth_weight_g=1490),
        {"preterm", "very_preterm", "low_birth_weight", "very_low_birth_weight"},
    ),
    ("born at 27 weeks", child(gestational_age_weeks=27), {"preterm", "extremely_preterm"}),
    ("one fever", child(readings=[fever(3)]), set()),
    ("two fevers in 24 hours", child(readings=[fever(25), fever(3)]), {"fever_recurrent"}),
    ("two fevers further apart", child(readings=[fever(40), fever(3)]), set()),
    ("two fevers last week", child(readings=[fever(100), fever(90)]), set()),
    ("a fever and 37.9", child(readings=[fever(10), fever(3, 37.9)]), set()),
    ("a fever reported from the future", child(readings=[fever(3), fever(-9)]), set()),
    ("HbA1c twice", child(labs=[hba1c(170, 7.0), hba1c(9, 8.1)]), {"glucose_uncontrolled"}),
    ("HbA1c twice, half a year apart", child(labs=[hba1c(195, 8), hba1c(9, 8.1)]), set()),
    ("HbA1c in another unit", child(labs=[hba1c(90, 53, "mmol/mol"), hba1c(9, 60, "mmol/mol")]), set()),
    ("neutropenia", child(labs=[Lab(1, "中性粒细胞绝对值", NOW - days(1), 0.4, "10*9/L")]), {"neutropenia"}),
    ("asthma coded", child(diagnoses=[Diagnosis(1, "J45.900", "支气管哮喘", NOW - days(99))]), {"asthma"}),
    ("a diagnosis without a code", child(diagnoses=[Diagnosis(1, None, "支气管哮喘", NOW)]), set()),
    ("sJIA coded", child(diagnoses=[Diagnosis(1, "M08.2", "全身型", NOW)]), {"jia", "sjia", "rheuma"}),
    (
        "leukaemia under 6-MP",
        child(diagnoses=[Diagnosis(1, "C91.0", "急淋", NOW)], medicines=[rx("巯嘌呤片", 40, None)]),
        {"leukemia", "tumor", "chemo"},
    ),
    ("methotrexate ended ten days ago", child(medicines=[rx("甲氨蝶呤片", 60, 10)]), {"mtx", "immunosuppressant"}),
    ("prednisone for five days", child(medicines=[rx("泼尼松片", 4, 0)]), {"steroid"}),
    (
        "prednisone prescribed for two weeks in two parts",
        child(medicines=[rx("泼尼松片", 13, 7), rx("泼尼松片", 6, 0, 2)]),
        {"steroid", "steroid_long"},
    ),
    ("a stopped prescription", child(medicines=[rx("泼尼松片", 30, None, status="stopped")]), set()),
    ("an unknown medicine", child(medicines=[rx("某某颗粒", 3, None)]), set()),
    ("insulin", child(medicines=[rx("门冬胰岛素注射液", 9, None)]), {"insulin", "diabetes"}),
    ("PHQ-9 of 16", child(filled=[Filled(1, "phq9", 16, NOW - days(9))]), {"phq.moderately_severe"}),
    ("PHQ-9 got better", child(filled=[Filled(1, "phq9", 22, NOW - days(60)), Filled(2, "phq9", 4, NOW - days(9))]), set()),
    ("PHQ-9 of last year", child(filled=[Filled(1, "phq9", 22, NOW - days(200))]), set()),
    (
        "three follow-ups unanswered",
        child(follow_ups=[follow_up(3, "missed"), follow_up(2, "missed"), follow_up(1, "missed", 7)]),
        {"lost_to_follow_up"},
    ),
    (
        "two, then an answer",
        child(follow_ups=[follow_up(4, "missed"), follow_up(3, "missed"), follow_up(2, "missed"), follow_up(1, "done")]),
        {"answers.low"},
    ),
    (
        "wrote after the third",
        child(follow_ups=[follow_up(n, "missed") for n in (3, 2, 1)], messages=[Message(NOW - timedelta(hours=1), "text")]),
        set(),
    ),
    (
        "most follow-ups answered",
        child(follow_ups=[follow_up(n, "done") for n in (9, 8, 7, 6)] + [follow_up(5, "missed")]),
        {"answers.high"},
    ),
    ("voices", child(messages=[Message(NOW - days(3), "voice")] * 6 + [Message(NOW - days(2), "text")] * 2), {"channel.voice"}),
    ("too few messages to tell", child(messages=[Message(NOW - days(3), "voice")] * 5), set()),
    (
        "asthma spray renewed in time",
        child(medicines=[rx("布地奈德", 89, 60), rx("布地奈德", 59, 30, 2), rx("布地奈德", 29, 0, 3)]),
        {"inhaled_steroid", "adherence.high"},
    ),
    ("asthma spray with gaps", child(medicines=[rx("布地奈德", 89, 75), rx("布地奈德", 14, 0, 3)]), {"inhaled_steroid", "adherence.low"}),
    ("antibiotics are meant to end", child(medicines=[rx("阿莫西林", 89, 82), rx("阿莫西林", 40, 33, 2)]), set()),
    (
        "a newborn below birth weight on day 15",
        child(age_days=15, birth_weight_g=3000, readings=[Reading(1, "weight", NOW, 2.95, "kg", None)]),
        {"weight_gain_slow"},
    ),
    (
        "an early-born one on day 15",
        child(age_days=15, birth_weight_g=3000, gestational_age_weeks=35, readings=[Reading(1, "weight", NOW, 2.95, "kg", None)]),
        {"preterm"},
    ),
]


@pytest.mark.parametrize(("facts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_the_facts_come_to(facts: Facts, expected: set[str]) -> None:
    assert tags(facts) == expected


def test_what_is_counted() -> None:
    family = child(
        bound=True, has_phone=True, plans=1, sex="F", diagnoses=[Diagnosis(1, "J45", "哮喘", NOW)],
        messages=[Message(NOW - days(3 * n), "text") for n in range(4, 0, -1)],
        stays=[Stay(1, "inpatient", NOW - days(40), NOW - days(30)), Stay(2, "inpatient", NOW - days(20), NOW - days(10))],
    )  # fmt: skip
    assert counted(family) == {"contact.week", "frequency.medium", "record.complete", "in_plan", "discharged_recently", "readmitted"}
    assert counted(child()) == {"record.poor", "unbound", "no_plan"}
    assert counted(child(bound=True, stopped=True)) == {"record.poor", "contact.none", "frequency.low", "no_plan", "stopped_messages"}


def test_quick_and_slow_answers() -> None:
    sent = [follow_up(n, "done", n) for n in (6, 4, 2)]
    fast = [Message(each.sent_at + timedelta(minutes=30), "text") for each in sent if each.sent_at]
    slow = [Message(each.sent_at + timedelta(hours=20), "text") for each in sent if each.sent_at]
    assert "response.fast" in counted(child(follow_ups=sent, messages=fast))
    assert "response.slow" in counted(child(follow_ups=sent, messages=slow))


def test_evidence_names_row_rule_and_reason() -> None:
    [verdict] = [
        v for v in judge(child(labs=[hba1c(90, 7.4), hba1c(9, 8.1)]), RULES, now=NOW, zone=ZONE) if v.tag == "glucose_uncontrolled"
    ]
    evidence = verdict.evidence
    assert (evidence.ref_kind, evidence.ref_id, evidence.rule, evidence.rule_version) == ("lab_result", 9, "hba1c_high_twice", 1)
    assert evidence.because == "半年内糖化血红蛋白两次达到7%，最近一次8.1%（2026-02-20）"


@given(
    spans=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 60)), min_size=2, max_size=6),
)
def test_pdc_lies_between_nothing_and_all(spans: list[tuple[int, int]]) -> None:
    medicines = [rx("布地奈德", start, start - min(start, length), id) for id, (start, length) in enumerate(spans)]
    measured = Measures(child(medicines=medicines), NOW, ZONE).get("pdc")
    assert measured is None or 0 <= measured.value <= 1


def test_overlapping_supply_is_moved_forward() -> None:
    medicines = [rx("布地奈德", 59, 30), rx("布地奈德", 44, 15, 2)]
    measured = Measures(child(medicines=medicines), NOW, ZONE).get("pdc")
    assert measured is not None and measured.value == 1


GOOD = "id: r, version: 1, tag: asthma, because: 因为这样, why: 因为这样, source: 某处来源, approved: null"
UNSAID = GOOD.replace("because: 因为这样", 'because: "因为{secret}"')


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{id: r}", "r.yml, r: version Field required."),
        (
            f"{{{GOOD.replace('asthma', 'magic')}, when: {{measure: {{name: pdc, gt: 0}}}}}}",
            "r.yml, r: the tag magic is not in the library.",
        ),
        (f"{{{GOOD}, when: {{}}}}", "r.yml, r: when exactly one premise belongs here, not 0"),
        (f"{{{GOOD}, when: {{measure: {{name: pdc}}}}}}", "r.yml, r: when.measure a bound is missing"),
        (f"{{{GOOD}, when: {{measure: {{name: magic, gt: 0}}}}}}", "r.yml, r: when.measure there is no measure magic"),
        (f"{{{GOOD}, when: {{medicine: {{classes: [魔药]}}}}}}", "r.yml, r: no medicine of the list is 魔药."),
        (f"{{{GOOD}, when: {{medicine: {{for_days: 3}}}}}}", "r.yml, r: when.medicine a medicine is named by"),
        (f"{{{GOOD}, when: {{python: 1}}}}", "r.yml, r: when.python Extra inputs are not permitted."),
        (f"{{{GOOD}, when: {{all: [{{never: {{measure: {{name: pdc, gt: 0}}}}}}]}}}}", "r.yml, r: when all of `never` alone"),
        (
            f"{{{UNSAID}, when: {{measure: {{name: pdc, gt: 0}}}}}}",
            "r.yml, r: because shows secret",
        ),
        (
            f"{{{GOOD.replace('approved: null', 'approved: true')}, when: {{measure: {{name: pdc, gt: 0}}}}}}",
            "r.yml, r: approved Input should be",
        ),
        (f"{{{GOOD}, when: {'{never: ' * 9}{{measure: {{name: pdc, gt: 0}}}}{'}' * 9}}}", "r.yml, r: when"),
        (
            f"{{{GOOD}, when: {{reading: {{code: spo2, lt: 94, within_hours: 99999}}}}}}",
            "r.yml, r: when.reading.within_hours Input should be",
        ),
        ("text", "r.yml, rule 1: Input should be"),
    ],
)
def test_an_incomplete_or_contradictory_rule_is_refused_in_one_sentence(tmp_path: Path, rule: str, why: str) -> None:
    file = tmp_path / "r.yml"
    file.write_text(f"rules:\n  - {rule}\n", "utf-8")
    with pytest.raises(TagError) as refused:
        read_rules(file, shipped())
    assert str(refused.value).startswith(why) and "\n" not in str(refused.value)


def test_every_shipped_rule_has_reason_and_source_and_waits_for_a_clinician() -> None:
    assert all(rule.approved is None and rule.why and rule.source for rule in RULES.rules)
    assert date(2026, 3, 1) == TODAY


def evenings(count: int, hour: float = 10.0, others: int = 0) -> Facts:
    """A child whose family answered so many follow-ups of 09:00 `hour` hours later, and others within an hour."""
    morning = NOW.astimezone(ZONE).replace(hour=9, minute=0) - days(1)
    asked = [morning - days(n) for n in range(count + others)][::-1]
    answered = [at + timedelta(hours=hour if n < count else 0.5) for n, at in enumerate(asked)]
    follow_ups = [FollowUp(n, "done", at.date(), at, end) for n, (at, end) in enumerate(zip(asked, answered, strict=True))]
    return child(follow_ups=follow_ups, messages=[Message(at, "text") for at in answered])


@pytest.mark.parametrize(
    ("facts", "hours"),
    [
        (evenings(6), {"hours.evening"}),
        (evenings(7, others=3), {"hours.evening"}),
        (evenings(5), set()),
        (evenings(6, others=4), set()),
        (evenings(6, hour=0.5), {"hours.morning"}),
        (evenings(6, hour=3.0), {"hours.noon"}),
        (evenings(6, hour=6.0), {"hours.afternoon"}),
    ],
)
def test_when_a_family_answers_most_becomes_a_tag(facts: Facts, hours: set[str]) -> None:
    found = [verdict for verdict in judge(facts, RULES, now=NOW, zone=ZONE) if verdict.tag.startswith("hours.")]
    assert {verdict.tag for verdict in found} == hours
