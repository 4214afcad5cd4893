"""Plans on pages: templates are written, tried and approved by a second person; cohorts are put on them; nobody sees others' patients."""

import asyncio
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from bot.cohort_enrolments import enrol_cohorts
from console.counted import COUNTS
from plans.definition import template_at
from plans.enrolment import enrol
from plans.publishing import keep_draft, read_definition
from records.auto_enrolment import AutoEnrolment
from records.care_plan import CarePlan, Task
from records.cohort_enrolment import CohortEnrolment
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.patient_index import refresh_index
from records.plan_definition import PlanDefinition
from records.refusal import AccessRefusal
from records.role import Role, StaffRole
from records.staff import Staff, TeamMember
from tests.console.stage import NOW, ZONE, Client, Stage
from tests.console.test_cohorts import kept

PLAN = """\
id: gentle
version: {version}
title: 出院关怀
department: 随访中心
needs_clinician_review: true
anchors: [enrolment]
steps:
- id: hello
  kind: message
  title: 问候
  anchor: enrolment
  schedule:
  - days: [1, 3]
    src: 本院
  hours: [9]
  text: {text}
"""


def plan(version: int = 1, text: str = "您好，出院后好好休息。") -> str:
    return PLAN.format(version=version, text=text)


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """林悦 leads as 张伟 does, so that each may approve what the other wrote."""
    async with stage.db.transaction() as tx:
        lead = await tx.scalar(select(Role.id).where(Role.code == "lead"))
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        team = await tx.scalar(select(TeamMember.team_id).where(TeamMember.staff_id == lin.id))
        tx.add(StaffRole(staff_id=lin.id, role_id=lead, team_id=team))
        patients = [await stage.patient(number) for number in ("D0001", "D0002", "R0001")]
        await refresh_index(tx, patients, now=NOW, zone=ZONE)
    return stage


async def drafted(client: Client, text: str, **more: str) -> None:
    answer = await client.post("/plan-drafts", yaml=text, seen="", **more)
    assert answer.status == 303, await answer.text()


async def published(stage: Stage, version: int = 1, text: str | None = None) -> None:
    lin, zhang = await stage.client("linyue"), await stage.client("zhangwei")
    await drafted(lin, plan(version, text) if text else plan(version))
    assert (await zhang.post(f"/plans/gentle/publish/{version}")).status == 303


async def test_the_shelf_shows_shipped_templates_with_ones_own_patients(stage: Stage) -> None:
    lin = await stage.client("linyue")
    page = await lin.text("/plans")
    assert "新生儿出院后居家观察" in page and "需临床审核" in page
    page = await lin.text("/plans/newborn_care")
    assert "出院日期：第1到14天，每天" in page and "日龄 0..60" in page and "家属方便的时间" in page
    page = await lin.text("/plans/newborn_care/calendar?days=14")
    assert "安全睡眠" in page and "第14天" in page
    assert (await lin.get("/plans/nothing_of_this_name")).status == 404
    # Nobody waits for numbers that take long to count: the list is there before them.
    stage.console[COUNTS].patience = 0
    page = await (await stage.client("qinlan")).text("/plans")
    assert "新生儿出院后居家观察" in page and '<td class="num">…</td>' in page and "正在统计" in page


async def test_what_is_wrong_with_a_template_is_told_with_its_line(stage: Stage) -> None:
    lin = await stage.client("linyue")
    page = await (await lin.post("/plan-drafts/check", yaml=plan().replace("kind: message", "kind: massage"), by="text")).text()
    assert 'data-line="9"' in page and "第9行" in page and "message" in page
    page = await (await lin.post("/plan-drafts/check", yaml=plan().replace("title: 问候", "title：问候"), by="text")).text()
    assert "这里用了中文冒号" in page
    hostile = plan(text="<script>alert(1)</script>")
    assert "<script>alert" not in await (await lin.post("/plan-drafts/check", yaml=hostile, by="text")).text()
    bad = await lin.post("/plan-drafts", yaml="id: [", seen="")
    assert bad.status == 422 and "id: [" in await bad.text()


async def test_steps_are_changed_in_rows_and_the_text_follows(stage: Stage) -> None:
    lin = await stage.client("linyue")
    row = {"title": "问候", "kind": "message", "anchor": "enrolment", "mode": "every", "a": "2", "b": "7", "hours": "10", "text": "新的话"}
    page = await (await lin.post("/plan-drafts/check", list(row.items()), yaml=plan(), by="rows")).text()
    written = page.split('id="yaml"')[1].split("</textarea>")[0]
    assert "after: 2" in written and "- 7" in written and "- 10" in written and "text: 新的话" in written and "src: 本院" in written
    page = await (await lin.post("/plan-drafts/check", list(row.items()), yaml=plan(), by="rows", do="add:vital")).text()
    assert "id: vital_1" in page and "没有发现错误，2步" in page
    page = await (await lin.post("/plan-drafts/check", yaml=plan(), by="text")).text()
    assert 'value="1、3"' in page


async def test_a_second_person_approves(stage: Stage) -> None:
    lin, zhang, qin = await stage.client("linyue"), await stage.client("zhangwei"), await stage.client("qinlan")
    await drafted(lin, plan())
    assert "等待审核的草稿" in await zhang.text("/plans")
    assert "要由另一位同事审核" in await lin.text("/plans/gentle")
    own = await lin.post("/plans/gentle/publish/1")
    assert own.status == 422 and "您自己写的" in await own.text()
    assert (await qin.post("/plans/gentle/publish/1")).status == 403
    assert (await qin.post("/plan-drafts", yaml=plan(2), seen="")).status == 403
    assert (await zhang.post("/plans/gentle/publish/1")).status == 303
    again = await lin.post("/plan-drafts", yaml=plan(), seen="")
    assert again.status == 422 and "请把 version 加 1" in await again.text()
    page = await lin.text("/plan-drafts/new?from=gentle")
    assert "version: 2" in page
    await drafted(lin, plan(2, "换了说法。"))
    page = await zhang.text("/plans/gentle?version=2")
    assert "您好，出院后好好休息。" in page and "换了说法。" in page
    log = await lin.text("/plans/gentle/log")
    assert "第1版：审核发布" in log and "张伟" in log
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(AccessRefusal.why))).all() == ["right_missing"] * 2


async def test_a_draft_of_somebody_else_is_not_written_over_unseen(stage: Stage) -> None:
    lin, zhang = await stage.client("linyue"), await stage.client("zhangwei")
    await drafted(lin, plan())
    blind = await zhang.post("/plan-drafts", yaml=plan(text="别的内容。"), seen="")
    assert blind.status == 422 and "同事存过" in await blind.text()
    seen = re.search(r'name="seen" value="([^"]+)"', await zhang.text("/plan-drafts/new?from=gentle&version=1"))
    assert seen
    kept_now = await zhang.post("/plan-drafts", yaml=plan(text="别的内容。"), seen=seen[1].replace("&#43;", "+"))
    assert kept_now.status == 303
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(PlanDefinition.author)) == "zhangwei"


async def test_a_template_goes_out_and_comes_back_as_yaml_and_fhir(stage: Stage) -> None:
    lin = await stage.client("linyue")
    for ending in ("yml", "json"):
        answer = await lin.get(f"/plans/newborn_care/export/1.{ending}")
        exported = await answer.text()
        assert "attachment" in answer.headers["Content-Disposition"]
        page = await lin.upload("/plan-drafts/import", f"plan.{ending}", exported.encode())
        assert "newborn_care" in page and "没有发现错误" in page
    assert "请选择一个" in await lin.upload("/plan-drafts/import", "plan.yml", b"\xff\xfe\x00")
    assert "这不是 FHIR PlanDefinition" in await lin.upload("/plan-drafts/import", "p.json", b'{"resourceType": "Patient"}')


async def read_by(stage: Stage, userid: str, why: str = "plan") -> list[int]:
    """Whose record somebody has read, as the audit has it."""
    async with stage.db.transaction() as tx:
        reads = select(ReadAudit.patient_id).join(Staff, Staff.id == ReadAudit.staff_id).where(Staff.userid == userid, ReadAudit.why == why)
        return list(await tx.scalars(reads.order_by(ReadAudit.patient_id)))


async def test_the_dry_run_tells_what_goes_out_and_writes_nothing(stage: Stage) -> None:
    await published(stage)
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    page = await (await lin.post("/plans/gentle/dry-run", whom="family", days="14")).text()
    assert "每次都回复的家庭" in page and "您好，出院后好好休息。" in page
    page = await (await lin.post("/plans/gentle/dry-run", whom="patient", record_number="D0001", days="14")).text()
    assert "朵朵·问候" in page
    cohort = await kept(lin, "都要", "年龄 < 9")
    page = await (await lin.post("/plans/gentle/dry-run", whom="cohort", cohort=str(cohort), days="14")).text()
    assert "2位患儿" in page
    assert (await qin.post("/plans/gentle/dry-run", whom="patient", record_number="D0001", days="14")).status == 404
    assert (await qin.post("/plans/gentle/dry-run", whom="cohort", cohort=str(cohort), days="14")).status == 404
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(CarePlan)) == 0
        assert await tx.scalar(select(func.count()).select_from(ReadAudit)) == 3
        assert (await tx.scalars(select(AccessRefusal.why))).all() == ["access_refused"] * 2


async def test_whoever_is_named_in_a_dry_run_is_noted_as_read(stage: Stage) -> None:
    await published(stage)
    duo, boy, other = [await stage.patient(number) for number in ("D0001", "D0002", "R0001")]
    async with stage.db.transaction() as tx:
        mother = Carer(name="赵敏")
        tx.add(mother)
        await tx.flush()
        tx.add_all(PatientCarer(patient_id=each, carer_id=mother.id, relationship="母亲") for each in (duo, boy, other))
        template, day = await template_at(tx, "gentle", 1), NOW.astimezone(ZONE).date()
        for each in (boy, other):
            child = await tx.get_one(Patient, each)
            await enrol(tx, child, template, anchors={"enrolment": day}, hour=None, by="linyue", now=NOW, zone=ZONE)
    lin = await stage.client("linyue")
    page = await (await lin.post("/plans/gentle/dry-run", whom="patient", record_number="D0001", days="14")).text()
    assert "朵朵·问候" in page and "小宇·问候" in page and "果果" not in page
    assert await read_by(stage, "linyue") == [duo, boy]


async def test_looking_at_a_template_waits_for_nobody_who_writes_it(stage: Stage) -> None:
    zhang = await stage.client("zhangwei")
    await drafted(await stage.client("linyue"), plan())
    async with stage.db.transaction() as tx:
        await keep_draft(tx, read_definition(plan(text="还在写。")), by="linyue", now=NOW)
        async with asyncio.timeout(20):
            page = await zhang.text("/plans/gentle?version=1")
    assert "您好，出院后好好休息。" in page and "还在写。" not in page


async def test_a_cohort_is_put_on_a_plan_after_a_look_at_who_can_be(stage: Stage) -> None:
    await published(stage)
    lin = await stage.client("linyue")
    cohort = await kept(lin, "都要", "年龄 < 9", shared="1")
    async with stage.db.transaction() as tx:
        duo = await tx.get_one(Patient, await stage.patient("D0001"))
        template = await template_at(tx, "gentle", 1)
        today = NOW.astimezone(ZONE).date()
        await enrol(tx, duo, template, anchors={"enrolment": today}, hour=None, by="linyue", now=NOW, zone=ZONE)
    page = await (await lin.post("/plans/gentle/enrol/preview", cohort=str(cohort), hour="10")).text()
    assert 'data-ready="1"' in page and "已经在计划里" in page and "果果" not in page
    answer = await lin.post("/plans/gentle/enrol", cohort=str(cohort), hour="10")
    address = answer.headers["Location"].removeprefix("/console").split("?")[0]
    assert 'data-state="running"' in await lin.text(address)
    assert await enrol_cohorts(stage.db, lambda: NOW, ZONE) > 0
    assert await read_by(stage, "linyue") == []
    page = await lin.text(address)
    assert await read_by(stage, "linyue") == [await stage.patient("D0001")]
    assert 'data-state="done"' in page and "加入<b>1</b>人" in page and "已经在计划里" in page
    async with stage.db.transaction() as tx:
        plans = (await tx.scalars(select(CarePlan).order_by(CarePlan.id))).all()
        assert [(each.patient_id, each.hour) for each in plans][1] == (await stage.patient("D0002"), 10) and len(plans) == 2
    assert "2" in await lin.text("/plans")
    qin = await stage.client("qinlan")
    for path in (address, "/plans/gentle/enrolments/99999"):
        assert (await qin.get(path)).status == 404
    assert (await qin.post(f"{address}/stop")).status == 404
    page = await (await qin.post("/plans/gentle/enrol/preview", cohort=str(cohort), hour="")).text()
    assert 'data-ready="1"' in page and "朵朵" not in page and "小宇" not in page


async def test_who_lost_the_right_enrols_nobody_any_more(stage: Stage) -> None:
    await published(stage)
    lin = await stage.client("linyue")
    cohort = await kept(lin, "都要", "年龄 < 9")
    await lin.post("/plans/gentle/enrol", cohort=str(cohort), hour="")
    async with stage.db.transaction() as tx:
        lin_row = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        lin_row.active = False
    await enrol_cohorts(stage.db, lambda: NOW, ZONE)
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(CohortEnrolment.state))).all() == ["stopped"]
        assert await tx.scalar(select(func.count()).select_from(CarePlan)) == 0


async def test_another_teams_cohort_is_not_put_on_a_plan(stage: Stage) -> None:
    await published(stage)
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    cohort = await kept(lin, "早产", "年龄 < 9")
    for path, form in (
        ("/plans/gentle/enrol/preview", {"cohort": str(cohort)}),
        ("/plans/gentle/enrol", {"cohort": str(cohort)}),
        ("/plans/gentle/auto", {"cohort": str(cohort), "on": "1", "on_left": "nothing"}),
    ):
        assert (await qin.post(path, **form)).status == 404, path
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(AccessRefusal.why))).all() == ["access_refused"] * 3
        assert await tx.scalar(select(func.count()).select_from(CohortEnrolment)) == 0


async def test_new_members_are_enrolled_by_themselves_when_it_is_turned_on(stage: Stage) -> None:
    await published(stage)
    lin = await stage.client("linyue")
    cohort = await kept(lin, "早产", "年龄 < 9")
    assert (await lin.post("/plans/gentle/auto", cohort=str(cohort), on="1", on_left="propose")).status == 303
    page = await lin.text("/plans/gentle/auto")
    assert "自动加入</span>" in page and "请护士决定" in page
    await lin.post("/plans/gentle/auto", cohort=str(cohort), on="0", on_left="propose")
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(AutoEnrolment.state))).all() == ["off"]
    assert "不再自动加入" in await lin.text("/plans/gentle/log")


async def test_people_are_moved_to_a_new_version_after_the_difference_is_shown(stage: Stage) -> None:
    await published(stage)
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    async with stage.db.transaction() as tx:
        template = await template_at(tx, "gentle", 1)
        for number in ("D0001", "R0001"):
            patient = await tx.get_one(Patient, await stage.patient(number))
            await enrol(tx, patient, template, anchors={"enrolment": NOW.astimezone(ZONE).date()}, hour=None, by="x", now=NOW, zone=ZONE)
    await published(stage, 2, "换了说法。")
    page = await lin.text("/plans/gentle/move")
    assert "您的1位患儿" in page and "换了说法。" in page
    page = await (await lin.post("/plans/gentle/move/preview", version="2")).text()
    assert 'data-moved="1"' in page and "朵朵" in page and "果果" not in page
    assert await read_by(stage, "linyue") == [await stage.patient("D0001")]
    async with stage.db.transaction() as tx:
        assert set(await tx.scalars(select(CarePlan.template_version))) == {1}
    assert (await lin.post("/plans/gentle/move", version="2")).status == 303
    async with stage.db.transaction() as tx:
        rows = (await tx.execute(select(CarePlan.patient_id, CarePlan.template_version))).all()
    assert dict(rows) == {await stage.patient("D0001"): 2, await stage.patient("R0001"): 1}
    assert "1位患儿从第1版换到第2版" in await lin.text("/plans/gentle/log")
    assert "换到第2版" not in await qin.text("/plans/gentle/log")


async def test_progress_counts_ones_own_patients(stage: Stage) -> None:
    await published(stage)
    async with stage.db.transaction() as tx:
        patient = await tx.get_one(Patient, await stage.patient("D0001"))
        template = await template_at(tx, "gentle", 1)
        plan_row = await enrol(tx, patient, template, anchors={"enrolment": date(2026, 3, 1)}, hour=None, by="x", now=NOW, zone=ZONE)
        tasks = (await tx.scalars(select(Task).where(Task.care_plan_id == plan_row.id).order_by(Task.day))).all()
        tasks[0].state, tasks[0].sent_at, tasks[0].closed_at = "done", tasks[0].due_at, tasks[0].due_at
    stage.now = NOW + timedelta(days=2)
    lin, qin = await stage.client("linyue"), await stage.client("qinlan")
    page = await lin.text("/plans/gentle/progress")
    assert "问候" in page and "100%" in page
    assert "没有到期的随访" in await qin.text("/plans/gentle/progress")
