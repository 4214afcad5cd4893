"""Mass messages at the console: written, tried, approved by a second person, sent in batches, and closed to other teams."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from playwright.async_api import expect
from sqlalchemy import func, select

from bot.mass_message import MassMessages
from bot.reach import Means
from plans.mass_message.write import FOUR_EYES
from records.chat import Chat
from records.cohort import Cohort, CohortMember
from records.mass_message import MassMessage, MassRecipient
from records.message import Outbound
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.refusal import AccessRefusal
from records.staff import Team
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import ZONE, Client, Stage
from tests.console.test_content_centre import give_roles

SCRIPT = "<script>alert(1)</script>"
TEXT = "{name}的家长：下周三门诊停诊一天，已约的会另行通知。"


@dataclass
class Desk:
    """林悦 writes, 张伟 leads her team, 秦岚 leads another."""

    stage: Stage
    lin: Client
    zhang: Client
    qin: Client
    teams: dict[str, int]

    async def families(self, number: int, team: str = "随访中心", *, name: str = "孩子") -> list[str]:
        """So many families whose chats are open, by their children's record numbers."""
        numbers = [f"M{team_letter(team)}{n}" for n in range(number)]
        async with self.stage.db.transaction() as tx:
            for n, record in enumerate(numbers):
                carer = Carer(name=f"家长{n}", external_userid=f"wm-{record}")
                child = Patient(team_id=self.teams[team], record_number=record, name=f"{name}{n}", birth_date=date(2025, 8, 1), tags=[])
                tx.add_all([carer, child])
                await tx.flush()
                tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="母亲"))
                tx.add(
                    Chat(
                        external_userid=carer.external_userid, open_kfid="wk-1", team_id=child.team_id, carer_id=carer.id,
                        patient_id=child.id, opened_at=self.stage.now, window_from=self.stage.now,
                    )
                )  # fmt: skip
        return numbers

    async def drafted(self, numbers: list[str], text: str = TEXT, title: str = "停诊") -> int:
        team = str(self.teams["随访中心"])
        answer = await self.lin.post("/mass", team=team, title=title, text=text, by="numbers", numbers="\n".join(numbers))
        assert answer.status == 303, await answer.text()
        found = re.search(r"/mass/(\d+)", answer.headers["Location"])
        assert found is not None
        return int(found[1])

    async def state(self, id: int) -> str:
        async with self.stage.db.transaction() as tx:
            return (await tx.get_one(MassMessage, id)).state

    async def send(self, id: int) -> None:
        await MassMessages(self.stage.db, lambda: self.stage.now, Means(ZONE)).run(str(id))


def team_letter(team: str) -> str:
    return "D" if team == "随访中心" else "R"


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    await give_roles(stage)
    async with stage.db.transaction() as tx:
        teams = {team.name: team.id for team in await tx.scalars(select(Team))}
    yield Desk(stage, await stage.client("linyue"), await stage.client("zhangwei"), await stage.client("qinlan"), teams)


async def test_many_families_need_a_second_person_and_each_is_accounted_for(desk: Desk) -> None:
    id = await desk.drafted(await desk.families(FOUR_EYES + 1))
    ahead = await desk.lin.text(f"/mass/{id}/ahead")
    assert f"<b>{FOUR_EYES + 1}</b> 户家庭" in ahead and "微信客服" in ahead
    assert (await desk.lin.post(f"/mass/{id}/try")).status == 303
    async with desk.stage.db.transaction() as tx:
        tried = await tx.scalar(select(Outbound).where(Outbound.key == f"masstest:{id}:1"))
        assert tried is not None and "试发" in str(tried.payload) and "小明的家长" in str(tried.payload) and tried.route == "app"
    assert (await desk.lin.post(f"/mass/{id}/submit", when="now")).status == 303
    assert await desk.state(id) == "submitted"
    assert "写的人不能自己审核" in await desk.lin.text(f"/mass/{id}")
    assert (await desk.lin.post(f"/mass/{id}/approve")).status == 403
    assert (await desk.zhang.post(f"/mass/{id}/approve")).status == 303
    await desk.send(id)
    assert await desk.state(id) == "done"
    progress = await desk.lin.text(f"/mass/{id}/progress")
    assert f'data-state="sent">{FOUR_EYES + 1}<' in progress and "hx-trigger" not in progress
    results = await desk.zhang.text(f"/mass/{id}/results")
    assert results.count("已发出") >= FOUR_EYES + 1 and "孩子0" in results
    async with desk.stage.db.transaction() as tx:
        read = select(func.count()).select_from(ReadAudit).where(ReadAudit.why == "mass_message")
        assert await tx.scalar(read) == FOUR_EYES + 1


async def test_its_author_cannot_approve_it_even_as_a_lead(desk: Desk) -> None:
    numbers = await desk.families(FOUR_EYES + 1)
    team = str(desk.teams["随访中心"])
    answer = await desk.zhang.post("/mass", team=team, title="停诊", text=TEXT, by="numbers", numbers=" ".join(numbers))
    path = answer.headers["Location"].removeprefix("/console").split("?")[0]
    await desk.zhang.post(f"{path}/submit", when="now")
    refused = await desk.zhang.post(f"{path}/approve")
    assert refused.status == 422 and "另一位同事审核" in await refused.text()


async def test_who_changed_and_submitted_it_cannot_approve_it_alone(desk: Desk) -> None:
    id = await desk.drafted(await desk.families(FOUR_EYES + 1))
    assert (await desk.zhang.post(f"/mass/{id}/submit", when="now")).status == 303
    assert (await desk.zhang.post(f"/mass/{id}/approve")).status == 422
    assert await desk.state(id) == "submitted" and "写的人不能自己审核" in await desk.zhang.text(f"/mass/{id}")


async def test_it_is_sent_back_paused_resumed_and_cancelled_with_a_reason(desk: Desk) -> None:
    id = await desk.drafted(await desk.families(FOUR_EYES + 1))
    await desk.lin.post(f"/mass/{id}/submit", when="later", at="2026-03-03T09:30")
    assert (await desk.zhang.post(f"/mass/{id}/return", why=" ")).status == 422
    assert (await desk.zhang.post(f"/mass/{id}/return", why="日期写错了")).status == 303
    assert await desk.state(id) == "draft" and "日期写错了" in await desk.lin.text(f"/mass/{id}")
    await desk.lin.post(f"/mass/{id}/submit", when="later", at="2026-03-03T09:30")
    await desk.zhang.post(f"/mass/{id}/approve")
    assert "3月3日 09:30" in await desk.lin.text(f"/mass/{id}")
    async with desk.stage.db.transaction() as tx:
        (await tx.get_one(MassMessage, id)).state = "sending"
    assert (await desk.lin.post(f"/mass/{id}/pause")).status == 303 and await desk.state(id) == "paused"
    assert (await desk.lin.post(f"/mass/{id}/pause")).status == 422
    assert (await desk.lin.post(f"/mass/{id}/resume")).status == 303 and await desk.state(id) == "sending"
    assert (await desk.lin.post(f"/mass/{id}/cancel", why="改期了")).status == 303 and await desk.state(id) == "cancelled"
    assert f'data-state="skipped">{FOUR_EYES + 1}<' in await desk.lin.text(f"/mass/{id}")


async def test_what_is_wrong_is_told_and_what_was_typed_stays(desk: Desk) -> None:
    team = str(desk.teams["随访中心"])
    wrong = [
        ({"text": "烧退了就可以停药。"}, "停药"),
        ({"text": "{nmae}的家长"}, "{nmae}"),
        ({"text": "好" * 900}, "太长"),
        ({"by": "query", "query": "标签 没有的标签"}, "没有的标签"),
        ({"by": "query", "query": ""}, "请只选一种收件范围"),
    ]
    for given, said in wrong:
        form: dict[str, Any] = {"team": team, "title": SCRIPT, "text": TEXT, "by": "numbers", "numbers": "D0001", **given}
        answer = await desk.lin.post("/mass", **form)
        text = await answer.text()
        assert answer.status == 422 and said in text, (given, text[:200])
        assert "&lt;script&gt;alert" in text and "<script>alert" not in text
    for at, said in (("2026-02-01T09:00", "已经过了"), ("2027-01-01T09:00", "60 天以内"), ("明天", "请选择发送的日期")):
        id = await desk.drafted(["D0001"])
        answer = await desk.lin.post(f"/mass/{id}/submit", when="later", at=at)
        assert answer.status == 422 and said in await answer.text()


async def test_how_many_it_goes_to_is_told_while_it_is_written(desk: Desk) -> None:
    numbers = await desk.families(3)
    form: dict[str, Any] = {
        "team": str(desk.teams["随访中心"]),
        "text": TEXT + SCRIPT,
        "by": "numbers",
        "numbers": "\n".join([*numbers, "D0001"]),
    }
    text = await (await desk.lin.post("/mass/draft/count", **form)).text()
    assert "发给 <b>3</b> 户家庭" in text and "1位没有登记照护者" in text and "小明的家长" in text and "<script>alert" not in text


async def test_a_kept_cohort_is_written_to_and_another_teams_is_not_there(desk: Desk) -> None:
    await desk.families(3)
    async with desk.stage.db.transaction() as tx:
        common: dict[str, Any] = {"definition": {"age_months": {"lt": 99}}, "reads": [], "at": desk.stage.now, "by": "linyue"}
        ours = Cohort(name="门诊", team_id=desk.teams["随访中心"], **common)
        theirs = Cohort(name="哮喘", team_id=desk.teams["呼吸科"], **common)
        tx.add_all([ours, theirs])
        await tx.flush()
        members = await tx.scalars(select(Patient.id).where(Patient.record_number.in_(["MD0", "MD1", "R0001"])))
        tx.add_all(CohortMember(cohort_id=ours.id, patient_id=id, inactive=False, since=desk.stage.now) for id in members)
    form: dict[str, Any] = {"team": str(desk.teams["随访中心"]), "title": "停诊", "text": TEXT, "by": "cohort"}
    counted = await (await desk.lin.post("/mass/draft/count", **form, cohort=str(ours.id))).text()
    assert "发给 <b>2</b> 户家庭" in counted
    answer = await desk.lin.post("/mass", **form, cohort=str(ours.id))
    assert answer.status == 303
    assert "门诊" in await desk.lin.text("/mass") and "哮喘" not in await desk.lin.text("/mass/new")
    for path in ("/mass/draft/count", "/mass"):
        assert (await desk.lin.post(path, **form, cohort=str(theirs.id))).status == 404


async def test_a_draft_that_somebody_changed_is_not_written_over(desk: Desk) -> None:
    id = await desk.drafted(await desk.families(1))
    mark = re.search(r'name="mark" value="(\w+)"', await desk.zhang.text(f"/mass/{id}/edit"))
    assert mark is not None
    form: dict[str, Any] = {"team": str(desk.teams["随访中心"]), "title": "停诊", "by": "numbers", "numbers": "MD0", "mark": mark[1]}
    assert (await desk.lin.post(f"/mass/{id}", text=TEXT + "谢谢。", **form)).status == 303
    answer = await desk.zhang.post(f"/mass/{id}", text="我的改动", **form)
    assert answer.status == 422 and "我的改动" in await answer.text()
    async with desk.stage.db.transaction() as tx:
        assert (await tx.get_one(MassMessage, id)).text.endswith("谢谢。")


async def test_another_team_comes_nowhere_near_it_nor_is_written_to(desk: Desk) -> None:
    id = await desk.drafted(await desk.families(2))
    for path in ("", "/edit", "/progress", "/ahead", "/results"):
        assert (await desk.qin.get(f"/mass/{id}{path}")).status == 404, path
    for path in ("", "/try", "/submit", "/approve", "/return", "/pause", "/resume", "/cancel"):
        assert (await desk.qin.post(f"/mass/{id}{path}", why="没有原因", text=TEXT, by="query", query="月龄 < 99")).status == 404, path
    async with desk.stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(AccessRefusal)) == 13
    assert "还没有群发消息" in await desk.qin.text("/mass") and await desk.state(id) == "draft"
    ours = str(desk.teams["随访中心"])
    theirs = await desk.qin.post("/mass", team=ours, title="假冒", text=TEXT, by="numbers", numbers="R0001")
    assert theirs.status == 404
    strange = await desk.lin.post("/mass", team=ours, title="串门", text=TEXT, by="numbers", numbers="R0001")
    assert strange.status == 422 and "R0001" in await strange.text()


async def test_of_a_child_who_left_the_team_only_the_result_is_shown(desk: Desk) -> None:
    numbers = await desk.families(2)
    id = await desk.drafted(numbers)
    await desk.lin.post(f"/mass/{id}/submit", when="now")
    async with desk.stage.db.transaction() as tx:
        gone = await tx.scalar(select(Patient).where(Patient.record_number == numbers[1]))
        assert gone is not None
        gone.team_id = desk.teams["呼吸科"]
    text = await desk.lin.text(f"/mass/{id}/results")
    assert "孩子0" in text and "孩子1" not in text and "已不在您的团队" in text
    async with desk.stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(MassRecipient).where(MassRecipient.mass_message_id == id)) == 2


@pytest.mark.browser
async def test_a_message_is_sent_with_the_approval_of_a_second_person(desk: Desk, browser_page: OpenPage) -> None:
    await desk.families(FOUR_EYES + 4, name=SCRIPT)
    numbers = [f"MD{n}" for n in range(FOUR_EYES + 4)]
    page = await browser_page("linyue", "/mass/new")
    await page.get_by_label("标题").fill("停诊通知")
    await page.get_by_label("消息内容").fill(TEXT)
    await page.get_by_label("病历号名单").check()
    await page.get_by_label("病历号（每行一个）").fill("\n".join(numbers))
    await expect(page.locator("#count")).to_contain_text(f"发给 {FOUR_EYES + 4} 户家庭")
    await assert_accessible(page)
    await page.get_by_role("button", name="保存草稿").click()
    await expect(page.get_by_text("如果现在就发")).to_be_visible()
    second = await browser_page("zhangwei", "/tour")
    waits = second.get_by_role("link", name=re.compile(r"群发\s*1\s*条待您审核"))
    await expect(second.get_by_role("link", name="群发", exact=True)).to_be_visible()
    await expect(waits).to_be_hidden()
    await page.get_by_role("button", name="提交").click()
    await page.get_by_role("dialog").get_by_role("button", name="提交").click()
    await expect(page.locator("h1")).to_contain_text("等待审核")
    # The menu of whoever may approve tells it by itself.
    await waits.click()
    await second.get_by_role("link", name="停诊通知").click()
    await expect(second.get_by_text("如果现在就发")).to_be_visible()
    await assert_accessible(second)
    await second.get_by_role("button", name="审核通过").click()
    await second.get_by_role("dialog").get_by_role("button", name="审核通过").click()
    await expect(second.locator("#progress")).to_contain_text("已审核")
    await expect(waits).to_be_hidden()
    await desk.send(int(re.findall(r"/mass/(\d+)", second.url)[0]))
    await expect(second.locator("#progress [data-state=sent]")).to_have_text(str(FOUR_EYES + 4))
    await expect(second.locator("h1")).to_contain_text("已发完")
    await keep_screenshot(second, "mass")
    await second.get_by_role("link", name="逐户结果").click()
    await expect(second.locator("tbody tr")).to_have_count(FOUR_EYES + 4)
    await assert_accessible(second)
    stranger = await browser_page("qinlan", second.url.partition("/console")[2])
    await expect(stranger.locator("#main")).to_contain_text("没有这个页面")
