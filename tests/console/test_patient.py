"""One patient's pages: Lin of his team reads and changes, Qin of another team finds nothing, and is noted."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from urllib.parse import quote

import pytest
from playwright.async_api import expect
from sqlalchemy import func, select

from console.page import environment
from records.care_plan import CarePlan, CarePlanChange, Task
from records.chat import Chat
from records.clinical_note import ClinicalNote
from records.flag import Flag
from records.message import Inbound, Outbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.patient_index import refresh_index
from records.refusal import AccessRefusal
from records.role import Role, StaffRole
from records.staff import Staff, Team
from records.tag import PatientTag, Tag
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import ZONE, Client, Stage

NASTY = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'


class Chart:
    """The stage with what is on file about 小宇, who is two months old."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.id, self.note, self.path = stage, 0, 0, ""

    async def open(self) -> "Chart":
        self.id, now = await self.stage.patient("D0002"), self.stage.now
        self.path = f"/patients/{self.id}"
        async with self.stage.db.transaction() as tx:
            child = await tx.get_one(Patient, self.id)
            child.birth_weight_g, child.gestational_age_weeks = 3200.0, 39
            carer = Carer(name="钱建国", external_userid="wm1", phone="13800138000")
            tag = Tag(code="asthma_here", name="哮喘", kind="diagnosis", meaning="x", updated_at=now)
            tx.add_all([carer, tag])
            await tx.flush()
            tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="父亲"))
            chat = Chat(
                open_kfid="kf1",
                external_userid="wm1",
                team_id=child.team_id,
                patient_id=child.id,
                carer_id=carer.id,
                window_used=0,
                opened_at=now,
            )
            note = ClinicalNote(
                patient_id=child.id,
                source="emr",
                source_id="1",
                updated_at=now,
                kind="出院小结",
                title="出院小结",
                text=f"一般情况好{NASTY}",
                written_at=now,
            )
            tx.add_all([chat, note])
            await tx.flush()
            self.note = note.id
            tx.add(
                Inbound(
                    chat_id=chat.id,
                    msgid="m1",
                    origin=3,
                    msgtype="text",
                    text=f"今天体重4.9公斤{NASTY}",
                    body={},
                    sent_at=now,
                    received_at=now,
                )
            )
            for code, value, days in (("weight", 4.5, 20), ("weight", 4.9, 1), ("temperature", 36.8, 3), ("temperature", 38.2, 1)):
                at = now - timedelta(days=days)
                tx.add(Observation(patient_id=child.id, code=code, value=value, unit=None, effective_at=at, recorded_at=at, detail={}))
        return self

    async def client(self, userid: str = "linyue") -> Client:
        return await self.stage.client(userid)

    async def plan(self) -> CarePlan | None:
        async with self.stage.db.transaction() as tx:
            plan: CarePlan | None = await tx.scalar(select(CarePlan))
            return plan

    async def enrolled(self, client: Client) -> CarePlan:
        answer = await client.post(f"{self.path}/plan/enrol", plan="newborn_care", birth="2026-01-03", discharge="2026-02-27")
        assert answer.status == 303, await answer.text()
        plan = await self.plan()
        assert plan is not None
        return plan

    async def alert(self, said: str = "烧") -> None:
        now = self.stage.now
        async with self.stage.db.transaction() as tx:
            team = (await tx.get_one(Patient, self.id)).team_id
            tx.add(Flag(patient_id=self.id, team_id=team, level="urgent", category="fever", said=said, because="发热", raised_at=now))

    async def tasks(self, state: str) -> list[Task]:
        async with self.stage.db.transaction() as tx:
            return list(await tx.scalars(select(Task).where(Task.state == state).order_by(Task.due_at)))


@pytest.fixture
async def chart(stage: Stage) -> Chart:
    return await Chart(stage).open()


async def test_a_patient_is_found_by_name_number_and_telephone_in_one_s_own_teams(chart: Chart) -> None:
    lin, qin = await chart.client(), await chart.client("qinlan")
    for said in ("小宇", "d0002", "13800138000", "8000"):
        assert chart.path in await lin.text(f"/patients?q={quote(said)}"), said
        assert chart.path not in await qin.text(f"/patients?q={quote(said)}"), said
    assert "没有找到" in await lin.text("/patients?q=%25") and "没有找到" in await lin.text(f"/patients?q={quote('果果')}")
    await lin.text(chart.path)
    async with chart.stage.db.transaction() as tx:
        everybody = list(await tx.scalars(select(Patient.id)))
        await refresh_index(tx, everybody, now=chart.stage.now, zone=ZONE)
    await chart.alert()
    page = await lin.text("/patients")
    opened, _, team = page.partition("团队的患儿")
    assert "您最近看过" in opened and "小宇" in opened and "朵朵" not in opened
    assert {"小宇", "朵朵"} <= set(re.findall(r"<strong>(.+?)<", team)) and "加急预警" in team and "果果" not in page
    assert "朵朵" in await lin.text("/m/patients")
    page = await qin.text("/patients")
    assert "小宇" not in page and "果果" in page


async def test_an_age_is_counted_by_the_hospital_s_day(chart: Chart) -> None:
    """Soon after midnight in the hospital it is still yesterday by UTC."""
    chart.stage.now = datetime(2026, 3, 1, 17, tzinfo=UTC)
    await chart.alert()
    async with chart.stage.db.transaction() as tx:
        (await tx.get_one(Patient, chart.id)).birth_date = date(2026, 2, 22)
    client = await chart.client()
    for page in ("/patients?q=D0002", "/work", chart.path):
        assert "8天" in await client.text(page), page


async def test_every_tab_tells_what_is_on_file_and_nothing_in_it_is_markup(chart: Chart) -> None:
    client = await chart.client()
    for tab, said in {
        "": "13800138000",
        "/timeline": "今天体重4.9公斤",
        "/timeline?kind=chat": "今天体重4.9公斤",
        "/tags": "加标签",
        "/plan": "还没有随访计划",
        "/notes": "出院小结",
        f"/notes/{chart.note}": "一般情况好",
        "/audit": "林悦",
    }.items():
        page = await client.text(chart.path + tab)
        assert said in page and "档案还缺" in page and "小宇" in page, tab
        assert "<script>window" not in page and "<img src=x" not in page and "None" not in page, tab
    assert "今天体重4.9公斤" not in await client.text(f"{chart.path}/timeline?kind=visit")


async def test_the_line_of_time_has_what_was_said_by_whom(chart: Chart) -> None:
    """Of the chats of his carers, those too that were begun with another team."""
    now = chart.stage.now
    async with chart.stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        carer = (await tx.scalars(select(Carer).where(Carer.external_userid == "wm1"))).one()
        other = (await tx.scalars(select(Team.id).where(Team.name == "呼吸科"))).one()
        chat = Chat(open_kfid="kf2", external_userid="wm2", team_id=other, carer_id=carer.id, window_used=0, opened_at=now)
        tx.add(chat)
        await tx.flush()
        sent = {
            "reply:1": {"msgtype": "text", "text": {"content": "记下了"}},
            f"clinician:{lin.id}:{chat.id}:1": {"msgtype": "text", "text": {"content": "明天来复查"}},
            "content:1": {"msgtype": "content", "content": {"words": "怎样喂奶"}},
        }
        times = dict.fromkeys(("not_before", "created_at", "sent_at"), now)
        to = {"line": f"chat:{chat.id}", "route": "kf", "chat_id": chat.id, "purpose": "reply", "state": "sent", **times}
        tx.add_all(Outbound(key=key, payload=payload, **to) for key, payload in sent.items())
    page = re.sub(r"<[^>]+>|\s+", " ", await (await chart.client()).text(f"{chart.path}/timeline?kind=chat"))
    found = {words: who for who, words in re.findall(r"(助手|医护|家属) +(记下了|明天来复查|怎样喂奶|今天体重)", page)}
    assert found == {"记下了": "助手", "明天来复查": "医护", "怎样喂奶": "助手", "今天体重": "家属"}


async def test_what_is_open_is_looked_at_again_without_a_new_look_at_the_child(chart: Chart) -> None:
    client = await chart.client()
    page = await client.text(chart.path)
    assert f'hx-get="/console{chart.path}/alerts"' in page
    await chart.alert(NASTY)
    async with chart.stage.db.transaction() as tx:
        before = await tx.scalar(select(func.count()).select_from(ReadAudit))
    part = await client.text(f"{chart.path}/alerts")
    assert "发热" in part and "<script>window" not in part and "<html" not in part
    async with chart.stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(ReadAudit)) == before
    assert (await (await chart.client("qinlan")).get(f"{chart.path}/alerts")).status == 404


async def test_trends_show_the_bands_of_the_alerts_and_the_lines_of_the_who(chart: Chart) -> None:
    page = await (await chart.client()).text(f"{chart.path}/trends")
    charts = [json.loads(unescape(each)) for each in re.findall(r"data-chart='([^']*)'", page)]
    weight = next(each for each in charts if each["series"][0]["name"] == "体重")
    names = {series["name"]: series for series in weight["series"]}
    assert names["体重"]["values"] == [["2026-02-09", 4.5], ["2026-02-28", 4.9]]
    # WHO weight-for-age, boys, day 54 (1 day older than day 53, where the median is 5.4 kg).
    median = dict(map(tuple, names["中位数"]["values"]))
    assert 5.0 < median["2026-02-28" if "2026-02-28" in median else max(median)] < 6.2
    warm = next(each for each in charts if each["series"][0]["name"] == "体温")
    kinds = [(band["kind"], band.get("low"), band.get("high")) for band in warm["bands"]]
    assert ("bad", kinds[-1][1], None) == kinds[-1] and 37.9 < kinds[-1][1] < 38.1


async def test_a_tag_is_given_doubted_and_ended_with_a_reason(chart: Chart) -> None:
    client = await chart.client()
    assert (await client.post(f"{chart.path}/tags", code="asthma_here", word="carries", why=" ")).status == 422
    assert (await client.post(f"{chart.path}/tags", code="nothing", word="carries", why="是")).status == 422
    for word, state, said in (("carries", "active", "喘息三次"), ("refused", "refused", "肺功能正常")):
        assert (await client.post(f"{chart.path}/tags", code="asthma_here", word=word, why=said)).status == 303
        async with chart.stage.db.transaction() as tx:
            row = (await tx.scalars(select(PatientTag).order_by(PatientTag.id.desc()).limit(1))).one()
        assert (row.state, row.decided_by) == (state, "linyue")
        assert said in await client.text(f"{chart.path}/tags?history=1")


async def test_enrolling_shows_first_what_the_family_would_get(chart: Chart) -> None:
    client = await chart.client()
    assert "大便和小便" not in await client.text(f"{chart.path}/plan/enrol")
    lacking = await client.text(f"{chart.path}/plan/enrol?plan=newborn_care")
    assert "确认加入" not in lacking and "出院" in lacking
    page = await client.text(f"{chart.path}/plan/enrol?plan=newborn_care&birth=2026-01-03&discharge=2026-02-27")
    assert "确认加入" in page and "大便和小便" in page
    assert await chart.plan() is None
    assert (await client.post(f"{chart.path}/plan/enrol", plan="newborn_care", discharge="昨天")).status == 422
    await chart.enrolled(client)
    again = await client.post(f"{chart.path}/plan/enrol", plan="newborn_care", birth="2026-01-03", discharge="2026-02-27")
    assert again.status == 422 and "已经在" in await again.text()


async def test_a_plan_is_changed_for_one_patient_and_changed_back(chart: Chart) -> None:
    client = await chart.client()
    plan = await chart.enrolled(client)
    act = f"{chart.path}/plans/{plan.id}"
    task = next(each for each in await chart.tasks("scheduled") if each.day > date(2026, 3, 1))
    own = {"step": task.step, "day": task.day.isoformat(), "slot": str(task.slot)}
    assert (await client.post(f"{act}/change", kind="move", to="2026-03-09", hour="10", **own)).status == 303
    assert "改到3月9日" in (page := await client.text(f"{chart.path}/plan")) and "只对这位患儿的调整" in page
    for wrong in (
        {"kind": "move", "to": "2026-02-01", **own},
        {"kind": "hours", "step": task.step, "hours": "23"},
        {"kind": "x"},
        {"kind": "skip"},
    ):
        assert (await client.post(f"{act}/change", **wrong)).status == 422, wrong
    typed = await (await client.post(f"{act}/change", kind="hours", step="*", hours="23")).text()
    assert 'value="23"' in typed and typed.count('<details class="menu" open>') == 1, "what was typed stays, in its open form"
    for good in (
        {"kind": "skip", "step": task.step, "day": "2026-03-05"},
        {"kind": "add", "step": task.step, "day": "2026-03-12"},
        {"kind": "add", "step": "", "day": "2026-03-13", "text": "记得带疫苗本"},
        {"kind": "hours", "step": "*", "hours": "9、20"},
        {"kind": "text", "step": task.step, "title": "拉得怎么样"},
        {"kind": "text", "step": "stool_and_urine/stool_colour", "text": "今天拉了几次？"},
    ):
        assert (await client.post(f"{act}/change", **good)).status == 303, good
    async with chart.stage.db.transaction() as tx:
        changes = [row.id for row in await tx.scalars(select(CarePlanChange).order_by(CarePlanChange.id))]
    assert len(changes) == 7
    assert (await client.post(f"{act}/changes/{changes[0]}/undo")).status == 303
    assert (await client.post(f"{act}/changes/{changes[0]}/undo")).status == 422
    history = await client.text(f"{chart.path}/tasks/{(await chart.tasks('scheduled'))[0].id}")
    assert "新生儿出院后居家观察" in history


def test_days_in_a_sentence_are_said_as_people_say_them() -> None:
    class Here:
        zone = UTC

    said = environment().from_string("{{ '2026-03-05的“称重”改到2027-01-02，不是2026-02-31，也不是12026-03-05' | dated }}")
    assert (
        said.render(desk=Here(), now=datetime(2026, 3, 1, tzinfo=UTC)) == "3月5日的“称重”改到2027-01-02，不是2026-02-31，也不是12026-03-05"
    )


async def test_a_plan_pauses_goes_on_and_ends(chart: Chart) -> None:
    client = await chart.client()
    plan = await chart.enrolled(client)
    act = f"{chart.path}/plans/{plan.id}"
    assert (await client.post(f"{act}/pause", until="2026-02-01")).status == 422
    assert (await client.post(f"{act}/pause", until="2026-03-20")).status == 303
    assert (await client.post(f"{act}/pause")).status == 422
    assert "暂停" in await client.text(f"{chart.path}/plan") and await chart.tasks("scheduled") == []
    assert (await client.post(f"{act}/resume")).status == 303
    assert await chart.tasks("scheduled") != []
    assert (await client.post(f"{act}/end", reason="")).status == 422
    assert (await client.post(f"{act}/end", reason="家属要求")).status == 303
    assert (await client.post(f"{act}/change", kind="add", step="jaundice", day="2026-03-12")).status == 422


async def test_qin_finds_no_such_patient_and_is_noted(chart: Chart) -> None:
    plan = await chart.enrolled(await chart.client())
    task = (await chart.tasks("scheduled"))[0]
    qin, act = await chart.client("qinlan"), f"{chart.path}/plans/{plan.id}"
    pages = ["", "/timeline", "/trends", "/tags", "/plan", "/plan/enrol", f"/tasks/{task.id}", "/notes", f"/notes/{chart.note}", "/audit"]
    for page in pages:
        assert (await qin.get(chart.path + page)).status == 404, page
    deeds: dict[str, dict[str, str]] = {
        f"{chart.path}/tags": {"code": "asthma_here", "word": "carries", "why": "是"},
        f"{chart.path}/plan/enrol": {"plan": "newborn_care"},
        f"{act}/change": {"kind": "add", "step": "jaundice", "day": "2026-03-12"},
        f"{act}/changes/1/undo": {},
        f"{act}/pause": {},
        f"{act}/resume": {},
        f"{act}/end": {"reason": "x"},
    }
    for path, form in deeds.items():
        assert (await qin.post(path, **form)).status == 404, path
    # Her own patient is no way to somebody else's plan, follow-up or note.
    own = f"/patients/{await chart.stage.patient('R0001')}"
    for path in (f"{own}/tasks/{task.id}", f"{own}/notes/{chart.note}"):
        assert (await qin.get(path)).status == 404, path
    assert (await qin.post(f"{own}/plans/{plan.id}/end", reason="x")).status == 404
    async with chart.stage.db.transaction() as tx:
        noted = (await tx.scalars(select(AccessRefusal))).all()
    assert len(noted) == len(pages) + len(deeds) + 3 and (await chart.plan()) is not None
    assert "被拒绝" in await (await chart.client()).text(f"{chart.path}/audit")


async def test_who_may_only_read_sees_no_buttons_and_can_do_nothing(chart: Chart) -> None:
    plan = await chart.enrolled(await chart.client())
    async with chart.stage.db.transaction() as tx:
        role = Role(code="reader", name="只读", rights=["care.read"])
        tx.add(role)
        await tx.flush()
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        team = (await tx.scalars(select(Team).where(Team.name == "随访中心"))).one()
        tx.add(StaffRole(staff_id=lin.id, role_id=role.id, team_id=team.id))
    client = await chart.client()
    for tab in ("", "/tags", "/plan"):
        assert f'method="post" action="/console{chart.path}' not in await client.text(chart.path + tab)
    for path, form in (
        (f"{chart.path}/tags", {"code": "asthma_here", "word": "carries", "why": "是"}),
        (f"{chart.path}/plans/{plan.id}/end", {"reason": "x"}),
    ):
        assert (await client.post(path, **form)).status == 403


@pytest.mark.browser
async def test_a_follow_up_is_put_to_another_day_by_hand(chart: Chart, browser_page: OpenPage) -> None:
    client = await chart.client()
    await chart.enrolled(client)
    # The first look reads the clinical tables, which takes a moment.
    await client.text(chart.path)
    page = await browser_page("linyue", chart.path)
    await assert_accessible(page)
    await keep_screenshot(page, "patient")
    await page.get_by_role("link", name="随访计划").click()
    line = page.locator(".list > li").filter(has_text="大便和小便").filter(has=page.locator("details")).last
    await line.locator("summary").click()
    await assert_accessible(page)
    await line.get_by_label("改到").fill("2026-03-20")
    await line.get_by_role("button", name="改期").click()
    await expect(page.locator("#toasts")).to_contain_text("已为这位患儿调整")
    await expect(page.get_by_text("改到3月20日")).to_have_count(1)
    words = page.locator("details.menu").filter(has_text="改文字").first
    await words.locator("summary").click()
    await words.get_by_label("改哪一句").select_option(label="大便和小便：今天宝宝的大便是什么颜色？拿不准可以拍一张照片发来。")
    await words.get_by_label("改成").fill("{name}最近一次大便是黄的、绿的，还是发白？")
    await words.get_by_role("button", name="只为这位患儿改").click()
    await expect(page.locator(".list").get_by_text("还是发白？")).to_be_visible()
    await keep_screenshot(page, "patient-plan")
    stranger = await browser_page("qinlan", f"{chart.path}/plan")
    await expect(stranger.locator("#main")).to_contain_text("没有这个页面")
    await page.locator("#toasts").get_by_role("button", name="撤销").click()
    await expect(page.locator("#toasts")).to_contain_text("已撤销")
    await expect(page.get_by_text("已撤销）")).to_have_count(1)
