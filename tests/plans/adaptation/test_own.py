"""A hospital's own rules: written by one, approved by another, in place of the shipped ones, and explained and undone."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from plans.adaptation.act import act
from plans.adaptation.book import BookKeeper, in_force, own_rules
from plans.adaptation.care import Care
from plans.adaptation.explain import told
from plans.adaptation.loops import LoopError
from plans.adaptation.own import activate, retire, save_draft
from plans.adaptation.ready import RuleError
from plans.adaptation.rule import FOLDER, shipped_rules
from plans.adaptation.undo import UndoRefused, firings_of, undo
from plans.authored import AuthoringError
from records.adaptation import AdaptationFiring
from records.errand import Errand
from records.patient import AccessRefused
from records.schema import CarePlan, Encounter, Staff
from tagging.tags.by_hand import tags_of
from tests.plans.adaptation.given import ZONE, Ward
from tests.plans.adaptation.test_rule import GOOD

HERE = (FOLDER / "fever.yml").read_text("utf-8")
FEVER = next(rule for rule in shipped_rules() if rule.id == "fever_twice")


async def staff(given: Ward, userid: str) -> Staff:
    async with given.db.transaction() as tx:
        return (await tx.scalars(select(Staff).where(Staff.userid == userid))).one()


async def in_use(given: Ward, text: str) -> None:
    """Written by Lin, approved by Qin."""
    lin, qin = await staff(given, "linyue"), await staff(given, "qinlan")
    async with given.db.transaction() as tx:
        draft = await save_draft(tx, text, author=lin, now=given.now, zone=ZONE)
    key = f"{draft.rule}@{draft.department}" if draft.department else draft.rule
    async with given.db.transaction() as tx:
        await activate(tx, key, draft.version, approver=qin, now=given.now, zone=ZONE)


async def test_who_wrote_a_rule_does_not_approve_it(given: Ward) -> None:
    lin, qin = await staff(given, "linyue"), await staff(given, "qinlan")
    async with given.db.transaction() as tx:
        await save_draft(tx, GOOD, author=lin, now=given.now, zone=ZONE)
    async with given.db.transaction() as tx:
        assert await own_rules(tx) == []
        with pytest.raises(RuleError, match="不能自己批准"):
            await activate(tx, "hot", 1, approver=lin, now=given.now, zone=ZONE)
        await activate(tx, "hot", 1, approver=qin, now=given.now, zone=ZONE)
        assert [rule.id for rule in await own_rules(tx)] == ["hot"]


async def test_a_new_version_takes_the_place_of_the_old_and_can_be_taken_out(given: Ward) -> None:
    qin = await staff(given, "qinlan")
    await in_use(given, GOOD)
    with pytest.raises(AuthoringError, match="版本应为 2"):
        await in_use(given, GOOD)
    await in_use(given, GOOD.replace("version: 1", "version: 2"))
    async with given.db.transaction() as tx:
        assert [rule.version for rule in await own_rules(tx)] == [2]
        await retire(tx, "hot", 2, by=qin, now=given.now)
        assert await own_rules(tx) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("errand: {text: 请联系家属}", "start_plan: {template: nowhere}", "没有名为“nowhere”的计划"),
        ("errand: {text: 请联系家属}", "push_content: {article: nothing}", "没有名为“nothing”的宣教内容"),
        ("on: {reading: 体温 >= 38 ℃}", "on: {cohort_joined: 早产六月内}", "没有名为“早产六月内”的患者群"),
        ("value: 37.2", "value: 39.2", "例子没有通过"),
    ],
)
async def test_what_cannot_work_here_is_refused(given: Ward, old: str, new: str, words: str) -> None:
    lin = await staff(given, "linyue")
    async with given.db.transaction() as tx:
        with pytest.raises(RuleError, match=words):
            text = GOOD.replace(old, new)
            text = text.replace("errand rule", new.split(":")[0] + " " + new.rstrip("}").split()[-1]) if old.startswith("errand") else text
            await save_draft(tx, text, author=lin, now=given.now, zone=ZONE)


async def test_a_circle_with_the_rules_in_force_is_refused(given: Ward) -> None:
    def of(id: str, on: str, do: str) -> str:
        yes = f"{{name: 是, event: {{tag_began: {on}}}, expect: [{do.replace(':', '')}]}}"
        rest = GOOD.split("    because:")[1].split("    tests:")[0]
        no = "{name: 否, event: {tag_began: lives_far}, expect: []}"
        head = f"rules:\n  - id: {id}\n    version: 1\n    title: 试用\n    on: {{tag_began: {on}}}\n    do: [{{{do}}}]\n    because:"
        return f"{head}{rest.replace('体温{value}{unit}', '只为测试')}    tests:\n      - {yes}\n      - {no}\n"

    await in_use(given, of("one", "follow.closer", "add_tag: cost_worry"))
    with pytest.raises(LoopError, match=r"two → one → two|one → two → one"):
        await in_use(given, of("two", "cost_worry", "add_tag: follow.closer"))


async def test_a_department_has_its_own_and_the_others_keep_theirs(given: Ward) -> None:
    own = HERE
    for old, new in (("- id: fever_twice", "- id: fever_twice\n    department: 血液科\n    version: 1"), ("38.5", "38.0")):
        own = own.replace(old, new)
    for facts in ("readings", "fired", "age_days"):
        own = own.replace(f"facts: {{{facts}", f"facts: {{department: 血液科, {facts}")
    await in_use(given, own)
    here, there = await given.child("R1"), await given.child("R2")
    async with given.db.transaction() as tx:
        at = given.now - timedelta(days=3)
        tx.add(Encounter(patient_id=here, kind="outpatient", department="血液科", state="finished", started_at=at, ended_at=at))
    for child in (here, there):
        await given.measured(child, 38.1, ago=timedelta(hours=6))
        await given.measured(child, 38.2)
    async with given.db.transaction() as tx:
        rules = in_force(await own_rules(tx))
        assert len(rules) == len(shipped_rules()) + 1
    await given.adapts(*[rule for rule in rules if rule.id == "fever_twice"])
    [firing] = await given.firings(here)
    assert firing.department == "血液科" and await given.firings(there) == []


async def test_the_book_is_made_anew_when_a_rule_changes(given: Ward) -> None:
    keeper = BookKeeper()
    async with given.db.transaction() as tx:
        first = await keeper.book(tx, now=given.now, zone=ZONE)
        assert await keeper.book(tx, now=given.now, zone=ZONE) is first and keeper.broken == {}
    await in_use(given, GOOD)
    async with given.db.transaction() as tx:
        assert "hot" in {ready.rule.id for ready in (await keeper.book(tx, now=given.now, zone=ZONE)).rules}


async def fired(given: Ward) -> int:
    child = await given.child()
    await given.measured(child, 38.6, ago=timedelta(hours=6))
    await given.measured(child, 38.9)
    await given.adapts(FEVER)
    return child


async def test_a_firing_is_told_as_because_and_therefore(given: Ward) -> None:
    child = await fired(given)
    lin, qin = await staff(given, "linyue"), await staff(given, "qinlan")
    async with given.db.transaction() as tx:
        [firing] = await firings_of(tx, lin, child, now=given.now)
        lines = told(firing, FEVER.title, ZONE)
    assert lines[0].endswith("一天内两次高热（fever_twice 第1版）")
    assert lines[1] == "  因为：24小时内2次体温达到38.5℃，最近一次38.9℃"
    assert lines[2].startswith("  所以：加上标签“发热观察”；开始随访计划“发热后体温观察”；安排医护处理“孩子一天内两次高热")
    assert any(line.startswith("  依据：体温 38.6℃，2026-03-02 04:00（observation") for line in lines)
    async with given.db.transaction() as tx:
        with pytest.raises(AccessRefused):
            await firings_of(tx, qin, child, now=given.now)


async def test_a_clinician_takes_back_what_a_rule_did(given: Ward) -> None:
    child = await fired(given)
    [firing] = await given.firings(child)
    lin, qin = await staff(given, "linyue"), await staff(given, "qinlan")
    async with given.db.transaction() as tx:
        with pytest.raises(UndoRefused):
            await undo(tx, qin, firing.id, why="不需要", now=given.now, zone=ZONE)
        lines = await undo(tx, lin, firing.id, why="已电话联系", now=given.now, zone=ZONE)
        assert len(lines) == 3 and all(line.startswith("已撤销") for line in lines)
    async with given.db.transaction() as tx:
        assert "follow.fever" not in {tag.code for tag in await tags_of(tx, child, teams=None)}
        assert (await tx.scalars(select(CarePlan.state))).one() == "withdrawn"
        assert (await tx.scalars(select(Errand.state))).one() == "dropped"
        with pytest.raises(UndoRefused, match="已经"):
            await undo(tx, lin, firing.id, why="再来", now=given.now, zone=ZONE)


async def test_nothing_planned_is_nothing_done(given: Ward) -> None:
    async with given.db.transaction() as tx:
        book = await BookKeeper().book(tx, now=given.now, zone=ZONE)
        assert await act(tx, [], Care(), scope=book.scope, now=given.now, zone=ZONE) == []
        assert (await tx.scalars(select(AdaptationFiring))).all() == []
