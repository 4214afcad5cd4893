"""An experiment from its draft to its conclusion: who may, who is in it, what is seen when."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from plans.authored import AuthoringError
from plans.experiment.assign import BLOCK, arm_at
from plans.experiment.choose import HOURS_HOLD_DAYS, choose_hour, choose_hours
from plans.experiment.design import Design, read_design
from plans.experiment.life import access_experiment, conclude, draft, exclude, look, start, stop
from plans.experiment.lift import lift
from plans.experiment.setting import turn_on
from plans.experiment.suggest import decide_suggestion, suggest, suggestions_for
from plans.experiment.words import ExperimentRefused
from records.experiment import ExperimentFamily, ExperimentLook, SendChoice
from records.state import MoveRefused, StateChange
from tests.plans.experiment.conftest import DAY, NOW, Ward

ZONE = ZoneInfo("Asia/Shanghai")
DESIGN = """
code: evening
title: 晚上问会不会更好
team: 新生儿科随访组
kind: send_hour
arms: {nine: 9, evening: 19}
template: neonatal
aim: {base: 0.5, difference: 0.4}
looks: 2
"""


def design(text: str = DESIGN, tmp: Path | None = None) -> Design:
    from plans.authored import read_authored

    return read_authored(text, Design, name="evening.yml")


async def running(ward: Ward, **changes: object) -> None:
    await draft(ward.tx, ward.lin, design().model_copy(update=changes), now=NOW, rng=Random(1))
    await start(ward.tx, ward.he, "evening", now=NOW)


async def chosen(ward: Ward, numbers: range, day=DAY) -> dict[int, int]:
    pairs = [(ward.want(n, day), ward.carers[n]) for n in numbers]
    return await choose_hours(ward.tx, pairs, now=NOW, rng=Random(2))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("questions: {weight: 多重}", "questions"),
        ("dose: 5mg", "dose"),
        ("level: emergency", "level"),
    ],
)
def test_a_design_has_no_place_for_anything_clinical(wrong: str, words: str) -> None:
    with pytest.raises(AuthoringError, match=words):
        design(f"{DESIGN}{wrong}\n")


@pytest.mark.parametrize(
    "arms", ["{nine: 9, night: 22}", "{nine: 9}", "{nine: 9, same: 9}", "{nine: 9, warm: warm}", "{a: 9, b: 38.5度吃退烧药}"]
)
def test_arms_are_hours_by_day(arms: str) -> None:
    with pytest.raises((AuthoringError, ExperimentRefused)):
        design(DESIGN.replace("{nine: 9, evening: 19}", arms))


def test_a_design_says_how_many_families_it_takes(tmp_path: Path) -> None:
    (tmp_path / "evening.yml").write_text(DESIGN, "utf-8")
    read = read_design(tmp_path / "evening.yml")
    assert [arm.value for arm in read.as_arms] == ["9", "19"] and 15 < read.families < 30


async def test_it_is_started_by_somebody_else_of_the_team(ward: Ward) -> None:
    await draft(ward.tx, ward.lin, design(), now=NOW, rng=Random(1))
    with pytest.raises(ExperimentRefused) as refusal:
        await start(ward.tx, ward.lin, "evening", now=NOW)
    assert refusal.value.code == "four_eyes"
    for stranger_may_not in (start(ward.tx, ward.qin, "evening", now=NOW), access_experiment(ward.tx, ward.qin, "evening")):
        with pytest.raises(ExperimentRefused) as refusal:
            await stranger_may_not
        assert refusal.value.code == "not_member"
    row = await start(ward.tx, ward.he, "evening", now=NOW)
    assert (row.state, row.created_by, row.started_by) == ("running", "nurse-lin", "nurse-he")
    with pytest.raises(ExperimentRefused) as refusal:
        await start(ward.tx, ward.he, "evening", now=NOW)
    assert refusal.value.code == "state"
    await draft(ward.tx, ward.lin, design().model_copy(update={"code": "noon"}), now=NOW, rng=Random(1))
    with pytest.raises(ExperimentRefused) as refusal:
        await start(ward.tx, ward.he, "noon", now=NOW)
    assert refusal.value.code == "running_already"
    with pytest.raises(ExperimentRefused) as refusal:
        await draft(ward.tx, ward.lin, design(), now=NOW, rng=Random(1))
    assert refusal.value.code == "code_taken"
    history = await ward.tx.scalars(select(StateChange.new).where(StateChange.entity == "experiment", StateChange.entity_id == row.id))
    assert list(history) == ["draft", "running"]


async def test_the_whole_life_and_no_other_order(ward: Ward) -> None:
    await running(ward)
    with pytest.raises((ExperimentRefused, MoveRefused)):
        await conclude(ward.tx, ward.lin, "evening", now=NOW, conclusion="好")
    await stop(ward.tx, ward.lin, "evening", now=NOW, because="家属不喜欢")
    row = await conclude(ward.tx, ward.lin, "evening", now=NOW, conclusion="不改")
    assert (row.state, row.stopped_because, row.conclusion) == ("concluded", "家属不喜欢", "不改")
    with pytest.raises(ExperimentRefused):
        await stop(ward.tx, ward.lin, "evening", now=NOW, because="x")


@given(st.integers(0, 2**62), st.integers(2, 4), st.integers(1, 60))
def test_the_lot_is_balanced_after_every_block_and_repeats_itself(seed: int, arms: int, places: int) -> None:
    names = [f"arm{n}" for n in range(arms)]
    drawn = [arm_at(seed, "neonatal", place, names) for place in range(places)]
    assert drawn == [arm_at(seed, "neonatal", place, names) for place in range(places)]
    counts = Counter(drawn)
    assert max(counts.values()) - min(counts.get(name, 0) for name in names) <= BLOCK
    assert places % (BLOCK * arms) or len(set(counts.values())) == 1


async def test_families_draw_once_in_balance_within_each_plan_and_keep_their_arm(ward: Ward) -> None:
    await running(ward, template=None)
    await ward.families(8)
    await ward.families(8, "diabetes")
    found = await chosen(ward, range(16))
    hours = [found[plan.id] for plan in ward.plans]
    assert Counter(hours[:8]) == Counter(hours[8:]) == {9: 4, 19: 4}
    later = await chosen(ward, range(16), DAY + timedelta(days=HOURS_HOLD_DAYS))
    assert later == found
    rows = await ward.tx.scalars(select(ExperimentFamily))
    assert len(list(rows)) == 16


async def test_who_chose_an_hour_himself_takes_no_part(ward: Ward) -> None:
    await running(ward)
    await ward.families(2)
    ward.carers[0].follow_up_hour = 13
    assert (await chosen(ward, range(2)))[ward.plans[0].id] == 13
    assert list(await ward.tx.scalars(select(ExperimentFamily.carer_id))) == [ward.carers[1].id]


async def test_another_plan_takes_no_part(ward: Ward) -> None:
    await running(ward)
    await ward.families(4, "diabetes")
    assert set((await chosen(ward, range(4))).values()) == {9}
    assert list(await ward.tx.scalars(select(ExperimentFamily.carer_id))) == []


async def test_an_excluded_family_is_as_everybody_else_from_today(ward: Ward) -> None:
    await running(ward)
    await ward.families(4)
    found = await chosen(ward, range(4))
    out = next(n for n in range(4) if found[ward.plans[n].id] == 19)
    await ward.task(out, "done")
    before = await look(ward.tx, ward.lin, "evening", now=NOW)
    await exclude(ward.tx, ward.lin, "evening", ward.carers[out].id, now=NOW, zone=ZONE, because="家长要求")
    await exclude(ward.tx, ward.lin, "evening", ward.carers[out].id, now=NOW, zone=ZONE, because="家长要求")
    assert (before.families, (await look(ward.tx, ward.lin, "evening", now=NOW)).families) == (1, 0)
    assert await choose_hour(ward.tx, ward.want(out), ward.carers[out], now=NOW, rng=Random(1)) == 9
    with pytest.raises(ExperimentRefused) as refusal:
        await exclude(ward.tx, ward.lin, "evening", ward.carers[out].id + 999, now=NOW, zone=ZONE, because="x")
    assert refusal.value.code == "family_unknown"


async def answered(ward: Ward, numbers: range, found: dict[int, int], *, evening: float, nine: float) -> None:
    """Of each arm this share of families answers its follow-up, the others do not."""
    arms: dict[int, list[int]] = {9: [], 19: []}
    for n in numbers:
        arms[found[ward.plans[n].id]].append(n)
    for hour, share in ((9, nine), (19, evening)):
        for place, n in enumerate(arms[hour]):
            await ward.task(n, "done" if place < share * len(arms[hour]) else "missed")


async def test_nobody_sees_a_comparison_between_looks_and_the_rule_stops_it(ward: Ward) -> None:
    await running(ward)
    await ward.families(60)
    planned = design().families
    half = range(planned)
    found = await chosen(ward, range(2 * planned))
    await answered(ward, range(planned - 2), found, evening=0.9, nine=0.1)
    waiting = await look(ward.tx, ward.lin, "evening", now=NOW)
    assert (waiting.figures, waiting.families, waiting.next_at) == (None, planned - 2, planned)
    await answered(ward, range(planned - 2, planned), found, evening=1, nine=0)
    seen = await look(ward.tx, ward.lin, "evening", now=NOW)
    assert seen.figures is not None and seen.figures.look == 1 and seen.stopped == "第1次查看时差别已越过停止界限"
    (evening,) = seen.figures.differences
    assert evening.crossed and 0 < evening.low < evening.difference < evening.high and len(half) == planned
    row = await access_experiment(ward.tx, ward.lin, "evening")
    assert row.state == "stopped"
    stored = (await ward.tx.scalars(select(ExperimentLook))).one()
    assert stored.crossed and stored.figures["arms"][0]["arm"] == "nine"


async def test_a_result_becomes_a_suggestion_that_only_drafts_the_change(ward: Ward) -> None:
    await running(ward)
    await ward.families(2 * design().families)
    found = await chosen(ward, range(2 * design().families))
    await answered(ward, range(2 * design().families), found, evening=0.9, nine=0.2)
    with pytest.raises(ExperimentRefused):
        await suggest(ward.tx, ward.lin, "evening", now=NOW)
    await look(ward.tx, ward.lin, "evening", now=NOW)
    row = await suggest(ward.tx, ward.lin, "evening", now=NOW)
    assert row is not None and (row.current, row.proposed, row.state, row.draft) == ("9", "19", "proposed", None)
    assert "试验“evening”" in row.figures["because"]
    assert (await suggest(ward.tx, ward.he, "evening", now=NOW)).id == row.id
    assert [each.id for each in await suggestions_for(ward.tx, ward.he)] == [row.id]
    assert await suggestions_for(ward.tx, ward.qin) == []
    with pytest.raises(ExperimentRefused):
        await decide_suggestion(ward.tx, ward.qin, row.id, accepted=True, now=NOW)
    done = await decide_suggestion(ward.tx, ward.he, row.id, accepted=True, now=NOW)
    assert (done.state, done.decided_by, done.draft) == (
        "accepted",
        "nurse-he",
        {"template": "neonatal", "field": "hour", "from": "9", "to": "19"},
    )
    with pytest.raises(ExperimentRefused) as refusal:
        await decide_suggestion(ward.tx, ward.he, row.id, accepted=False, now=NOW)
    assert refusal.value.code == "suggestion_decided"


async def test_no_difference_suggests_nothing(ward: Ward) -> None:
    await running(ward)
    await ward.families(2 * design().families)
    await answered(ward, range(2 * design().families), await chosen(ward, range(2 * design().families)), evening=0.5, nine=0.5)
    seen = await look(ward.tx, ward.lin, "evening", now=NOW)
    assert seen.stopped == "达到计划的家庭数" and seen.figures is not None and not seen.figures.crossed
    assert await suggest(ward.tx, ward.lin, "evening", now=NOW) is None


async def test_the_lift_is_against_those_held_out(ward: Ward) -> None:
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [12, 19], now=NOW, rng=Random(1), held_out=0.5)
    await ward.families(40)
    await chosen(ward, range(40))
    assert await lift(ward.tx, ward.team.id, "send_hour", NOW) is None
    why = {row.care_plan_id: row.why for row in await ward.tx.scalars(select(SendChoice))}
    number = Counter[str]()
    for n, plan in enumerate(ward.plans):
        number[why[plan.id]] += 1
        # Of the adapted three in four answer, of the others one in two.
        every = 4 if why[plan.id] == "drawn" else 2
        await ward.task(n, "missed" if number[why[plan.id]] % every == 0 else "done")
    found = await lift(ward.tx, ward.team.id, "send_hour", NOW)
    assert found is not None and found.adapted_families == number["drawn"] and found.held_out_families == number["held_out"]
    assert found.adapted == (number["drawn"] - number["drawn"] // 4) / number["drawn"]
    assert found.difference == pytest.approx(found.adapted - found.held_out) and found.low < found.difference < found.high
