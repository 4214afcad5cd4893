"""Which hour and which opening a family gets, and why."""

from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from bot.choices import Choices
from plans.experiment.choose import HOURS_HOLD_DAYS, choose_hour, choose_hours, choose_wording
from plans.experiment.explain import explain_choices
from plans.experiment.setting import newest, turn_off, turn_on
from plans.experiment.tally import Tally, count_choices, draw
from plans.experiment.words import ExperimentRefused
from records.database import Database
from records.experiment import OptionTally, SendChoice
from records.staff import Team
from tagging.tags.door import open_door
from tagging.tags.evidence import Evidence
from tests.plans.experiment.conftest import DAY, NOW, Ward

ZONE = ZoneInfo("Asia/Shanghai")


async def test_off_by_default_and_nothing_is_written(ward: Ward) -> None:
    await ward.families(2)
    ward.carers[1].follow_up_hour = 18
    pairs = [(ward.want(n), ward.carers[n]) for n in range(2)]
    found = await choose_hours(ward.tx, pairs, now=NOW, rng=Random(1))
    assert found == {ward.plans[0].id: 9, ward.plans[1].id: 18}
    task = await ward.task(0, "scheduled")
    assert (await choose_wording(ward.tx, ward.want(0, default="plain", task=task), now=NOW, rng=Random(1))).text is None
    assert await ward.tx.scalar(select(func.count()).select_from(SendChoice)) == 0


async def test_the_familys_own_hour_wins_even_when_it_is_the_usual_one(ward: Ward) -> None:
    await ward.families(1)
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [12, 19], now=NOW, rng=Random(1))
    ward.carers[0].hour_chosen_at = NOW
    assert await choose_hour(ward.tx, ward.want(0), ward.carers[0], now=NOW, rng=Random(1)) == 9
    ward.carers[0].follow_up_hour = 20
    assert await choose_hour(ward.tx, ward.want(0), ward.carers[0], now=NOW, rng=Random(1)) == 20
    assert await ward.tx.scalar(select(func.count()).select_from(SendChoice)) == 0


async def test_a_wish_that_was_told_narrows_the_choice(ward: Ward) -> None:
    await ward.families(1)
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [9, 12, 19], now=NOW, rng=Random(1))
    async with open_door(ward.tx, [ward.patients[0].id], NOW) as door:
        said = Evidence(source="chat", because="「晚上联系我」", at=NOW, ref_kind="inbound", ref_id=1, rule="told", confidence=0.7)
        door[ward.patients[0].id].support("hours.evening", said)
    assert await choose_hour(ward.tx, ward.want(0), ward.carers[0], now=NOW, rng=Random(1)) == 19
    assert (await ward.tx.scalars(select(SendChoice.why))).all() == ["family"]


async def test_a_wish_that_was_told_counts_where_nothing_is_tried(ward: Ward) -> None:
    await ward.families(2)
    async with open_door(ward.tx, [ward.patients[0].id], NOW) as door:
        said = Evidence(source="chat", because="「晚上联系我」", at=NOW, ref_kind="inbound", ref_id=1, rule="told", confidence=0.7)
        door[ward.patients[0].id].support("hours.evening", said)
    pairs = [(ward.want(n), ward.carers[n]) for n in range(2)]
    found = await choose_hours(ward.tx, pairs, now=NOW, rng=Random(1))
    assert found == {ward.plans[0].id: 19, ward.plans[1].id: 9}


async def test_a_choice_holds_for_four_weeks_and_keeps_all_that_it_came_from(ward: Ward) -> None:
    await ward.families(40)
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [12, 19], now=NOW, rng=Random(1), held_out=0.25)
    pairs = [(ward.want(n), ward.carers[n]) for n in range(40)]
    found = await choose_hours(ward.tx, pairs, now=NOW, rng=Random(2))
    later = [(ward.want(n, DAY + timedelta(days=HOURS_HOLD_DAYS - 1)), ward.carers[n]) for n in range(40)]
    assert await choose_hours(ward.tx, later, now=NOW, rng=Random(3)) == found
    rows = list(await ward.tx.scalars(select(SendChoice).order_by(SendChoice.id)))
    held = [row for row in rows if row.why == "held_out"]
    drawn = [row for row in rows if row.why == "drawn"]
    assert len(rows) == 40 and len(held) + len(drawn) == 40 and 4 <= len(held) <= 17
    assert {row.chosen for row in held} == {"9"} and {row.chosen for row in drawn} == {"12", "19"}
    for row in drawn:
        tallies = {each["option"]: Tally(each["families"], each["answered"]) for each in row.options}
        assert row.seed is not None and draw(["12", "19"], tallies, row.seed) == (row.chosen, row.options)
    after = [(ward.want(n, DAY + timedelta(days=HOURS_HOLD_DAYS)), ward.carers[n]) for n in range(40)]
    await choose_hours(ward.tx, after, now=NOW, rng=Random(4))
    again = list(await ward.tx.scalars(select(SendChoice).where(SendChoice.first_day > DAY)))
    assert len(again) == 40 and {row.carer_id for row in again if row.why == "held_out"} == {row.carer_id for row in held}


async def test_families_count_once_each_with_the_share_they_answered(ward: Ward) -> None:
    await ward.families(3)
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [12, 19], now=NOW, rng=Random(1), held_out=0.05)
    await choose_hours(ward.tx, [(ward.want(n), ward.carers[n]) for n in range(3)], now=NOW, rng=Random(5))
    for row in await ward.tx.scalars(select(SendChoice)):
        row.chosen, row.why = "19", "drawn"
    # One family answers three of four, one none of one, one is still open.
    for offset, state in enumerate(("done", "declined", "partial", "missed")):
        await ward.task(0, state, DAY + timedelta(days=offset))
    await ward.task(1, "undeliverable")
    await ward.task(2, "sent")
    assert await count_choices(ward.tx, NOW + timedelta(days=9)) == 1
    tally = (await ward.tx.scalars(select(OptionTally))).one()
    assert (tally.option, tally.families, tally.answered) == ("19", 2, 0.75)
    assert Tally(tally.families, tally.answered).beta == (1.75, 2.25)


def test_the_better_option_is_drawn_more_often_and_never_alone() -> None:
    tallies = {"9": Tally(40, 18.0), "19": Tally(40, 24.0)}
    drawn = [draw(["9", "19"], tallies, seed)[0] for seed in range(500)]
    assert 400 < drawn.count("19") < 500


async def test_only_a_member_turns_it_on_or_off_and_the_held_out_share_is_kept(ward: Ward) -> None:
    with pytest.raises(ExperimentRefused) as refused:
        await turn_on(ward.tx, ward.qin, ward.team, "send_hour", [9, 19], now=NOW, rng=Random(1))
    assert refused.value.code == "team"
    with pytest.raises(ExperimentRefused) as refused:
        await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [9, 19], now=NOW, rng=Random(1), held_out=0.0)
    assert refused.value.code == "held_out"
    with pytest.raises(ExperimentRefused):
        await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [9, 22], now=NOW, rng=Random(1))
    first = await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [9, 19], now=NOW, rng=Random(1))
    await turn_off(ward.tx, ward.lin, ward.team, "send_hour", now=NOW)
    setting = await newest(ward.tx, ward.team.id, "send_hour")
    assert setting is not None and not setting.active and setting.seed == first.seed
    await ward.families(1)
    assert await choose_hour(ward.tx, ward.want(0), ward.carers[0], now=NOW, rng=Random(1)) == 9


async def test_a_wording_is_chosen_once_for_a_task(ward: Ward) -> None:
    await ward.families(1)
    await turn_on(ward.tx, ward.lin, ward.team, "wording", ["plain", "warm", "brief"], now=NOW, rng=Random(1), held_out=0.05)
    task = await ward.task(0, "scheduled")
    want = ward.want(0, default="plain", task=task)
    first = await choose_wording(ward.tx, want, now=NOW, rng=Random(1))
    assert [await choose_wording(ward.tx, want, now=NOW, rng=Random(n)) for n in range(5)] == [first] * 5


async def test_a_choice_explains_itself_in_a_clinicians_words(ward: Ward) -> None:
    await ward.families(3)
    assert await explain_choices(ward.tx, ward.patients[0].id, zone=ZONE, limit=5) == [
        "没有为这次随访做过选择：按家长自己选的时间，或按默认。"
    ]
    await turn_on(ward.tx, ward.lin, ward.team, "send_hour", [12, 19], now=NOW, rng=Random(1), held_out=0.05)
    pairs = [(ward.want(n), ward.carers[n]) for n in range(3)]
    found = await choose_hours(ward.tx, pairs, now=NOW, rng=Random(5))
    row = (await ward.tx.scalars(select(SendChoice).where(SendChoice.why == "drawn"))).first()
    assert row is not None
    patient = next(n for n in range(3) if ward.plans[n].id == row.care_plan_id)
    head, segment, *options = await explain_choices(ward.tx, ward.patients[patient].id, zone=ZONE, limit=5)
    assert head == f"2026-03-02 10:00  发送时间：{found[row.care_plan_id]}（默认9），按本科室以往应答情况抽取"
    assert segment == f"人群：{ward.team.id}/neonatal；随机种子：{row.seed}"
    assert [line.split("：")[0].strip() for line in options] == ["12", "19"] and all("后验Beta(1.0, 1.0)" in line for line in options)


async def test_the_worker_counts_once_a_day(db: Database) -> None:
    async with db.transaction() as tx:
        team = Team(name="新生儿科随访组")
        tx.add(team)
        await tx.flush()
        old = NOW - timedelta(days=200)
        tx.add(OptionTally(team_id=team.id, kind="wording", segment="x", option="warm", families=3, answered=1.0, counted_at=old))
    assert await Choices(db, lambda: NOW).look() == 0
    async with db.transaction() as tx:
        # What nobody chose in the last months is forgotten.
        assert list(await tx.scalars(select(OptionTally))) == []
