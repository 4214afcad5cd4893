"""Saved cohorts: they follow news, tags and the clock by themselves, and show nobody what is not his."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.cohort import CohortEvent, CohortMember, CohortVersion, take_events
from records.database import Database
from records.patient import Patient, ReadAudit
from records.patient_index import PatientIndex, PatientNews
from records.schema import Cohort, Encounter, LabResult, Observation, PatientTag, Staff, Tag, TagChange, TagEvidence, Team, TeamMember
from tagging.cohort import preview
from tagging.cohort.explain import explain
from tagging.cohort.preview import Page, compare, count, listed
from tagging.cohort.saved import CohortRefused, access_cohort, cohorts_for, end, members, save
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.upkeep import Kept, keep_up
from tagging.cohort.words import CohortError
from tagging.tags.by_hand import say

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
TODAY = date(2026, 3, 1)
DAY = timedelta(days=1)


@dataclass
class Ward:
    """Two teams: nurse Lin in the first, nurse Qin in the second."""

    tx: AsyncSession
    lin: Staff
    qin: Staff
    teams: dict[str, int]
    now: datetime = NOW

    async def child(self, name: str, *, team: str = "新生儿", days: int = 100, sex: str = "F", tags: tuple[str, ...] = ()) -> int:
        born = TODAY - timedelta(days=days)
        patient = Patient(team_id=self.teams[team], record_number=name, name=name, sex=sex, birth_date=born)
        self.tx.add(patient)
        await self.tx.flush()
        for tag in tags:
            await self.begins(patient.id, tag)
        return patient.id

    async def tag(self, code: str, name: str, *, parent: str | None = None, private_of: str | None = None) -> None:
        above = None if parent is None else await self.tx.scalar(select(Tag.id).where(Tag.code == parent))
        owner = None if private_of is None else self.teams[private_of]
        self.tx.add(
            Tag(code=code, name=name, kind="management", parent_id=above, team_id=owner, shared=owner is None, meaning=name, updated_at=NOW)
        )
        await self.tx.flush()

    async def begins(self, patient: int, tag: str, *, because: str = "出院诊断") -> None:
        id = (await self.tx.scalars(select(Tag.id).where(Tag.code == tag))).one()
        row = PatientTag(patient_id=patient, tag_id=id, source="his", author="his", since=self.now, evidence_at=self.now)
        self.tx.add(row)
        await self.tx.flush()
        evidence = TagEvidence(patient_tag_id=row.id, source="his", because=because, at=self.now, recorded_at=self.now)
        self.tx.add_all([evidence, TagChange(patient_id=patient, tag_id=id, carried=True, at=self.now)])
        await self.tx.flush()

    async def ceases(self, patient: int, tag: str) -> None:
        id = (await self.tx.scalars(select(Tag.id).where(Tag.code == tag))).one()
        await self.tx.execute(update(PatientTag).where(PatientTag.patient_id == patient, PatientTag.tag_id == id).values(until=self.now))
        self.tx.add(TagChange(patient_id=patient, tag_id=id, carried=False, at=self.now))

    async def weighs(self, patient: int, *kilograms: float) -> None:
        for number, kg in enumerate(kilograms):
            at = self.now - DAY * (len(kilograms) - number)
            self.tx.add(Observation(patient_id=patient, code="weight", value=kg, unit="kg", effective_at=at, recorded_at=at))
        await self.tx.flush()

    async def leaves_hospital(self, patient: int, at: datetime) -> None:
        stay = {"kind": "inpatient", "department": "新生儿科", "started_at": at - 3 * DAY, "ended_at": at}
        self.tx.add(Encounter(patient_id=patient, **stay))
        await self.tx.flush()

    async def keeps_up(self) -> Kept:
        await self.tx.flush()
        return await keep_up(self.tx, now=self.now, zone=ZONE)

    async def scope(self, staff: Staff | None = None) -> Scope:
        return await scope_of_staff(self.tx, staff or self.lin, now=self.now, zone=ZONE)

    async def save(self, name: str, text: str, *, by: Staff | None = None, team: str = "新生儿", shared: bool = False) -> Cohort:
        await self.keeps_up()
        query = (await self.scope(by)).read(text)
        return await save(self.tx, by or self.lin, name, query, team=team, shared=shared, now=self.now, zone=ZONE)

    async def shown(self, cohort: Cohort, staff: Staff | None = None) -> list[str]:
        found = await members(self.tx, cohort, await self.scope(staff), Page(staff or self.lin, self.now))
        return [one.name for one in found]

    async def found(self, text: str, staff: Staff | None = None) -> list[str]:
        await self.keeps_up()
        scope = await self.scope(staff)
        query = scope.read(text)
        names = [one.name for one in await listed(self.tx, query, scope, Page(staff or self.lin, self.now))]
        assert await count(self.tx, query, scope) == len(names)
        return names

    async def events(self, cohort: Cohort) -> list[tuple[int, str, str]]:
        rows = await self.tx.scalars(select(CohortEvent).where(CohortEvent.cohort_id == cohort.id).order_by(CohortEvent.id))
        return [(each.patient_id, each.kind, each.why) for each in rows]


@pytest.fixture
async def ward(db: Database) -> AsyncIterator[Ward]:
    async with db.transaction() as tx:
        teams = {name: Team(name=name) for name in ("新生儿", "血液")}
        lin, qin = Staff(userid="lin", name="林", title="护士"), Staff(userid="qin", name="秦", title="护士")
        tx.add_all([*teams.values(), lin, qin])
        await tx.flush()
        tx.add_all([TeamMember(team_id=teams["新生儿"].id, staff_id=lin.id), TeamMember(team_id=teams["血液"].id, staff_id=qin.id)])
        made = Ward(tx, lin, qin, {name: team.id for name, team in teams.items()})
        await made.tag("preterm", "早产儿")
        await made.tag("very_preterm", "极早产儿", parent="preterm")
        await made.tag("chemo", "化疗")
        await made.tag("worried", "家长焦虑", private_of="新生儿")
        yield made


async def test_a_tag_that_begins_brings_in_and_one_that_ceases_takes_out(ward: Ward) -> None:
    anna = await ward.child("安安")
    cohort = await ward.save("早产", "标签 早产儿")
    assert await ward.shown(cohort) == []
    await ward.begins(anna, "very_preterm")
    assert (await ward.keeps_up()).joined == 1
    assert await ward.shown(cohort) == ["安安"]
    await ward.ceases(anna, "very_preterm")
    assert (await ward.keeps_up()).left == 1
    assert await ward.events(cohort) == [(anna, "joined", "news"), (anna, "left", "news")]


async def test_what_a_clinician_says_of_a_tag_is_followed(ward: Ward) -> None:
    anna = await ward.child("安安")
    await ward.tx.execute(delete(Tag).where(Tag.code == "chemo"))
    cohort = await ward.save("哮喘", "标签 早产儿 或 月龄 > 100")
    await say(ward.tx, ward.lin, anna, "very_preterm", "carries", why="胎龄29周", now=NOW)
    await ward.keeps_up()
    assert await ward.shown(cohort) == ["安安"]
    await say(ward.tx, ward.lin, anna, "very_preterm", "refused", why="胎龄38周", now=NOW + DAY)
    await ward.keeps_up()
    assert await ward.shown(cohort) == []


async def test_only_cohorts_that_a_fact_concerns_are_weighed(ward: Ward) -> None:
    anna = await ward.child("安安")
    await ward.save("早产", "标签 早产儿")
    await ward.save("化疗", "标签 化疗 或 月龄 < 3")
    await ward.begins(anna, "very_preterm")
    assert (await ward.keeps_up()).weighed == 1
    await ward.weighs(anna, 3.1)
    assert (await ward.keeps_up()).weighed == 0


async def test_the_clock_brings_in_and_takes_out_on_the_day_and_not_before(ward: Ward) -> None:
    anna = await ward.child("安安", days=85, tags=("preterm",))
    await ward.child("贝贝", days=85)
    cohort = await ward.save("三月龄", "标签 早产儿 且 日龄 90..95")
    waiting = (await ward.tx.execute(select(CohortMember.patient_id, CohortMember.inactive, CohortMember.next_on))).all()
    assert waiting == [(anna, True, TODAY + 5 * DAY)]
    for day, names in ((4, []), (5, ["安安"]), (10, ["安安"]), (11, [])):
        # The hospital's midnight is at 16:00 UTC of the day before.
        ward.now = datetime(2026, 3, 1, 16, 1, tzinfo=UTC) + (day - 1) * DAY
        await ward.keeps_up()
        assert await ward.shown(cohort) == names, day
    assert await ward.events(cohort) == [(anna, "joined", "time"), (anna, "left", "time")]
    assert (await ward.tx.scalars(select(CohortMember))).all() == []
    assert await ward.keeps_up() == Kept()


async def test_nobody_is_watched_whom_time_cannot_bring_back(ward: Ward) -> None:
    await ward.child("大宝", days=1200, tags=("preterm",))
    await ward.child("贝贝", days=40, tags=("chemo",))
    await ward.leaves_hospital(await ward.child("晨晨", days=40, tags=("preterm",)), NOW - 100 * DAY)
    await ward.save("三月龄", "标签 早产儿 且 月龄 3..6 且 非 (出院后天数 > 90 且 日龄 >= 0)")
    assert (await ward.tx.scalars(select(CohortMember))).all() == []


async def test_facts_of_every_kind_are_followed(ward: Ward) -> None:
    anna, boris = await ward.child("安安"), await ward.child("贝贝", sex="M")
    cohort = await ward.save("看护", "出院后天数 <= 7 且 体重趋势 下降 7天内 且 性别 女 且 科室 新生儿科")
    for child in (anna, boris):
        await ward.leaves_hospital(child, NOW - 2 * DAY)
        await ward.weighs(child, 3.4, 3.3)
    await ward.keeps_up()
    assert await ward.shown(cohort) == ["安安"]
    await ward.weighs(anna, 3.6)
    await ward.tx.execute(update(Patient).where(Patient.id == boris).values(sex="F"))
    await ward.keeps_up()
    assert await ward.shown(cohort) == ["贝贝"]
    await ward.tx.execute(update(Encounter).where(Encounter.patient_id == boris).values(state="cancelled"))
    await ward.keeps_up()
    assert await ward.shown(cohort) == []


async def test_a_laboratory_item_is_found_by_any_name_and_in_any_unit(ward: Ward) -> None:
    anna = await ward.child("安安")
    row = {"patient_id": anna, "source": "lis", "source_id": "1", "report": "生化", "item": "糖化血红蛋白", "value": 53.0, "text": "53"}
    times = {"collected_at": NOW - 3 * DAY, "released_at": NOW - 2 * DAY, "updated_at": NOW}
    ward.tx.add(LabResult(**row, **times, unit="mmol/mol"))
    assert await ward.found("最近 HbA1c >= 6.9 % 30天内") == ["安安"]
    assert await ward.found("最近 HbA1c >= 6.9 % 2天内 或 非 最近 HbA1c >= 6.9 % 2天内") == []
    assert await ward.found("最近 糖化血红蛋白 > 7.1 %") == []
    await ward.tx.execute(update(LabResult).values(released_at=None))
    assert await ward.found("最近 HbA1c 未知") == ["安安"]


async def test_evidence_counts_by_source_and_age(ward: Ward) -> None:
    anna = await ward.child("安安", tags=("preterm",))
    cohort = await ward.save("有据", "标签 早产儿 来源 检验 30天内")
    assert await ward.shown(cohort) == []
    held = (await ward.tx.scalars(select(PatientTag.id))).one()
    reason = {"source": "his", "ref_kind": "lab_result", "ref_id": 1, "because": "胎龄", "at": NOW - 10 * DAY}
    ward.tx.add(TagEvidence(patient_tag_id=held, recorded_at=NOW, **reason))
    await ward.keeps_up()
    assert await ward.shown(cohort) == ["安安"]
    ward.now = NOW + 21 * DAY
    await ward.keeps_up()
    assert await ward.events(cohort) == [(anna, "joined", "news"), (anna, "left", "time")]


async def test_a_tag_that_moves_in_the_library_is_followed(ward: Ward) -> None:
    await ward.child("安安", tags=("chemo",))
    cohort = await ward.save("早产", "标签 早产儿")
    above = await ward.tx.scalar(select(Tag.id).where(Tag.code == "preterm"))
    await ward.tx.execute(update(Tag).where(Tag.code == "chemo").values(parent_id=above))
    await ward.keeps_up()
    assert await ward.shown(cohort) == ["安安"]
    await ward.tx.execute(update(Tag).where(Tag.code == "chemo").values(parent_id=None))
    await ward.keeps_up()
    assert await ward.shown(cohort) == []


async def test_events_are_given_once(ward: Ward, db: Database) -> None:
    anna = await ward.child("安安", tags=("preterm",))
    cohort = await ward.save("早产", "标签 早产儿")
    assert [event[1:3] for event in await take_events(ward.tx, cohort.id, NOW)] == [(anna, "joined")]
    assert await take_events(ward.tx, cohort.id, NOW) == []


async def test_a_new_version_tells_who_came_and_went_and_nothing_else(ward: Ward) -> None:
    anna, boris = await ward.child("安安", tags=("preterm",)), await ward.child("贝贝", tags=("chemo", "preterm"))
    carla = await ward.child("晨晨", tags=("chemo",))
    cohort = await ward.save("随访", "标签 早产儿")
    again = await ward.save("随访", "标签 化疗")
    assert (again.id, again.version) == (cohort.id, 2)
    told = [("joined", anna), ("joined", boris), ("left", anna), ("joined", carla)]
    assert [(kind, patient) for patient, kind, _ in await ward.events(cohort)] == told
    versions = (await ward.tx.scalars(select(CohortVersion.definition).order_by(CohortVersion.version))).all()
    assert versions == [{"tag": {"any": ["preterm"]}}, {"tag": {"any": ["chemo"]}}]


async def test_an_ended_cohort_is_kept_up_no_longer(ward: Ward) -> None:
    anna = await ward.child("安安")
    cohort = await ward.save("早产", "标签 早产儿")
    assert await end(ward.tx, cohort, now=NOW, by="lin")
    await ward.begins(anna, "preterm")
    assert (await ward.keeps_up()).weighed == 0
    assert await cohorts_for(ward.tx, ward.lin) == []
    assert (await ward.save("早产", "标签 早产儿")).id != cohort.id


async def test_each_team_sees_its_own_patients_alone(ward: Ward) -> None:
    await ward.child("安安", tags=("preterm",))
    await ward.child("秦家宝", team="血液", tags=("preterm",))
    assert await ward.found("标签 早产儿") == ["安安"]
    assert await ward.found("标签 早产儿", ward.qin) == ["秦家宝"]
    own, everybody = await ward.save("自己的", "标签 早产儿"), await ward.save("全院", "标签 早产儿", shared=True)
    assert (await ward.shown(own), await ward.shown(everybody), await ward.shown(everybody, ward.qin)) == (["安安"], ["安安"], ["秦家宝"])
    assert [each.name for each in await cohorts_for(ward.tx, ward.qin)] == ["全院"]
    with pytest.raises(CohortRefused):
        await access_cohort(ward.tx, ward.qin, own.id)
    with pytest.raises(CohortRefused):
        await access_cohort(ward.tx, ward.qin, everybody.id, lock=True)
    with pytest.raises(CohortRefused):
        await save(ward.tx, ward.qin, "别人的", (await ward.scope(ward.qin)).read("标签 化疗"), team="新生儿", now=NOW, zone=ZONE)


async def test_another_teams_private_tag_neither_matches_nor_shows(ward: Ward) -> None:
    # Carried while he was a patient of the newborns' team; now he is the other team's.
    child = await ward.child("秦家宝", tags=("worried", "chemo"))
    await ward.tx.execute(update(Patient).where(Patient.id == child).values(team_id=ward.teams["血液"]))
    await ward.child("安安", tags=("worried",))
    assert await ward.found("标签 家长焦虑") == ["安安"]
    with pytest.raises(CohortError, match="没有“家长焦虑”"):
        await ward.found("标签 家长焦虑", ward.qin)
    scope = await ward.scope(ward.qin)
    [shown] = await listed(ward.tx, scope.read("标签 化疗"), scope, Page(ward.qin, NOW))
    assert shown.tags == ("化疗",)


async def test_a_private_child_does_not_make_its_shared_parent_match_elsewhere(ward: Ward) -> None:
    await ward.tag("hidden", "内部分级", parent="chemo", private_of="新生儿")
    child = await ward.child("秦家宝", tags=("hidden",))
    assert await ward.found("标签 化疗") == ["秦家宝"]
    await ward.tx.execute(update(Patient).where(Patient.id == child).values(team_id=ward.teams["血液"]))
    assert await ward.found("标签 化疗", ward.qin) == []


async def test_a_shared_cohort_names_no_private_tag(ward: Ward) -> None:
    with pytest.raises(CohortError, match="私有标签“worried”") as refused:
        await ward.save("全院", "标签 worried", shared=True)
    assert refused.value.code == "private_tag"


async def test_whoever_is_listed_has_been_read(ward: Ward) -> None:
    anna = await ward.child("安安", tags=("preterm",))
    await ward.found("标签 早产儿")
    row = (await ward.tx.scalars(select(ReadAudit))).one()
    assert (row.patient_id, row.staff_id, row.why) == (anna, ward.lin.id, "cohort")


@pytest.mark.parametrize("walk", [2, 20_000])
async def test_pages_follow_each_other_without_gap_or_repeat(ward: Ward, monkeypatch: pytest.MonkeyPatch, walk: int) -> None:
    monkeypatch.setattr(preview, "WALK", walk)
    ids = [await ward.child(f"{number}") for number in range(7)]
    await ward.keeps_up()
    scope = await ward.scope()
    query, seen, after = scope.read("性别 女"), list[int](), 0
    while page := await listed(ward.tx, query, scope, Page(ward.lin, NOW, after=after, limit=3)):
        seen += [one.patient_id for one in page]
        after = seen[-1]
    assert seen == ids


async def test_two_queries_are_compared(ward: Ward) -> None:
    await ward.child("安安", tags=("preterm",))
    await ward.child("贝贝", tags=("preterm", "chemo"))
    await ward.child("晨晨", tags=("chemo",))
    await ward.child("丹丹")
    await ward.keeps_up()
    scope = await ward.scope()
    first, second = scope.read("标签 早产儿"), scope.read("标签 化疗")
    found = await compare(ward.tx, first, second, scope)
    assert (found.only_first, found.both, found.only_second) == (1, 1, 1)
    only = await listed(ward.tx, second, scope, Page(ward.lin, NOW), but_not=first)
    assert [one.name for one in only] == ["晨晨"]


async def test_an_explanation_gives_every_term_its_verdict_and_reason(ward: Ward) -> None:
    anna = await ward.child("安安", days=100, tags=("very_preterm",))
    await ward.weighs(anna, 3.4, 3.1)
    await ward.keeps_up()
    scope = await ward.scope()
    text = "标签 早产儿 且 非 标签 化疗 且 月龄 3..12 且 出院后天数 <= 90 且 体重趋势 下降"
    found = await explain(ward.tx, scope.read(text), anna, scope)
    assert found is not None and (found.matches, found.verdict) == (False, None)
    said = {reason.term: (reason.in_words, " ".join(reason.because)) for reason in found.reasons}
    assert said["标签 早产儿"][0] == "符合" and "极早产儿" in said["标签 早产儿"][1] and "出院诊断" in said["标签 早产儿"][1]
    assert said["标签 化疗"] == ("不符合", "没有这些标签")
    assert said["月龄 3..12"] == ("符合", "出生于2025-11-21，3个月")
    assert said["出院后天数 <= 90"] == ("不清楚", "没有记录")
    assert said["体重趋势 下降 30天内"] == ("符合", "3.4（2026-02-27）→ 3.1（2026-02-28）")
    assert await explain(ward.tx, scope.read(text), anna, await ward.scope(ward.qin)) is None


async def test_what_is_incremental_is_what_a_recount_finds(ward: Ward, db: Database) -> None:
    text = "(标签 早产儿 或 出院后天数 <= 3) 且 非 (日龄 >= 120 且 体重趋势 上升 5天内)"
    cohort = await ward.save("试", text)
    children = [await ward.child(f"{n}", days=90 + 10 * n, tags=("preterm",) if n % 2 else ()) for n in range(8)]
    steps: list[tuple[Any, ...]] = [
        (ward.weighs, children[3], 3.0, 3.2),
        (ward.leaves_hospital, children[4], NOW - DAY),
        (ward.ceases, children[1], "preterm"),
        (ward.begins, children[0], "very_preterm"),
    ]
    for number, (step, *given) in enumerate(steps):
        await step(*given)
        ward.now = NOW + number * 2 * DAY
        await ward.keeps_up()
        assert await ward.shown(cohort) == await ward.found(text), number


async def test_news_of_everybody_who_was_there_before_are_taken_in(ward: Ward) -> None:
    await ward.child("安安")
    assert (await ward.tx.scalars(select(PatientNews.fact))).all() == ["patient"]
    await ward.keeps_up()
    assert (await ward.tx.scalars(select(PatientNews))).all() == []
    row = (await ward.tx.execute(select(PatientIndex.sex, PatientIndex.birth_date, PatientIndex.tags))).one()
    assert row == ("F", TODAY - 100 * DAY, [])


async def test_a_preview_that_takes_too_long_ends_with_a_kind_sentence(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(CohortError, match="缩小范围") as refused:
            async with preview.patiently(tx, 20):
                await tx.execute(text("select pg_sleep(5)"))
        assert refused.value.code == "too_slow"
        assert await tx.scalar(text("select current_setting('statement_timeout')")) == "0", "the transaction goes on as before"
        async with preview.patiently(tx):
            assert await tx.scalar(text("select 1")) == 1
        assert await tx.scalar(text("select current_setting('statement_timeout')")) == "0"
