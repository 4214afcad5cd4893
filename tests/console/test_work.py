"""What waits, and what is done about it: Lin of the patient's team can, Qin of another team cannot, and is noted."""

import json
from datetime import timedelta

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from plans.ask_team import ask_team
from records.care_plan import CarePlan, Task
from records.chat import Chat
from records.errand import Errand, raise_errand
from records.flag import Flag, FlagNotice, raise_flag
from records.message import Outbound
from records.patient import Patient, ReadAudit
from records.question import QuestionToTeam
from records.refusal import AccessRefusal
from records.staff import OnCall, Staff
from records.state import StateChange
from tests.console.browser import DESK, NARROW, OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import Client, Stage


class Ward:
    """The stage with a family of the follow-up centre, and work about its child."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def open(self) -> "Ward":
        self.child = await self.stage.patient("D0002")
        async with self.stage.db.transaction() as tx:
            team = (await tx.get_one(Patient, self.child)).team_id
            chat = Chat(
                open_kfid="kf1", external_userid="wm1", team_id=team, patient_id=self.child, window_from=self.stage.now, window_used=0,
                opened_at=self.stage.now,
            )  # fmt: skip
            tx.add(chat)
            zhang = (await tx.scalars(select(Staff).where(Staff.userid == "zhangwei"))).one()
            (await tx.scalars(select(OnCall).where(OnCall.staff_id == zhang.id))).one().tier = 2
            await tx.flush()
            self.chat, self.team = chat.id, team
        return self

    async def alert(self, level: str = "urgent", category: str = "fever_high", said: str = "烧到39度") -> int:
        async with self.stage.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.chat)
            flag = await raise_flag(
                tx, chat, level=level, categories=[category], said=said, because="体温 39 ℃", evidence=[], now=self.stage.now
            )
            lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
            tx.add(
                FlagNotice(
                    flag_id=flag.id, staff_id=lin.id, card=f"flag-{flag.id}-1-{lin.id}", tier=1, response_code="rc", at=self.stage.now
                )
            )
            return flag.id

    async def errand(self, key: str = "k", kind: str = "no_route") -> int:
        async with self.stage.db.transaction() as tx:
            child = await tx.get_one(Patient, self.child)
            id = await raise_errand(tx, child, kind=kind, text="请打电话", because="微信联系不上", key=key, now=self.stage.now)
            assert id is not None
            return id

    async def missed(self) -> int:
        async with self.stage.db.transaction() as tx:
            now = self.stage.now
            plan = CarePlan(
                patient_id=self.child,
                template="newborn_care",
                template_version=1,
                anchors={"birth": "2026-01-03"},
                created_at=now,
                created_by="linyue",
            )
            tx.add(plan)
            await tx.flush()
            task = Task(
                care_plan_id=plan.id, patient_id=self.child, step="jaundice", day=now.date(), useful_until=now,
                due_at=now - timedelta(hours=8), state="missed", closed_at=now - timedelta(hours=1), outcome="no_answer",
            )  # fmt: skip
            tx.add(task)
            await tx.flush()
            return task.id

    async def flag(self, id: int) -> Flag:
        async with self.stage.db.transaction() as tx:
            return await tx.get_one(Flag, id)


async def told(client: Client, path: str, **form: str | list[str]) -> str:
    """What scripts are answered: the sentence that is shown, and the list anew."""
    answer = await client.post(path, htmx=True, **form)
    note = json.loads(answer.headers["HX-Trigger"])["toast"]
    return note["text"] + ("撤销" if "undo" in note else "") + await answer.text()


@pytest.fixture
async def ward(stage: Stage) -> Ward:
    return await Ward(stage).open()


async def test_alerts_come_first_with_their_clock_and_the_tier_that_silence_asks(ward: Ward) -> None:
    await ward.missed()
    await ward.errand()
    flag = await ward.alert()
    ward.stage.now += timedelta(minutes=12)
    page = await (await ward.stage.client("linyue")).text("/work")
    assert page.index('"work-alert"') < page.index('"work-missed"') < page.index('"work-route"')
    assert "12分钟" in page and "请二线" in page and f"/alerts/{flag}/claim" in page and f"/patients/{ward.child}" in page
    other = await (await ward.stage.client("qinlan")).text("/work")
    assert "小宇" not in other and "没有待办" in other


async def test_an_address_says_what_is_shown(ward: Ward) -> None:
    await ward.alert("urgent")
    mild = await ward.alert("routine", "questionnaire_score", "有点咳")
    await ward.errand()
    client = await ward.stage.client("linyue")
    assert "烧到39度" not in (page := await client.text("/work?level=routine")) and "有点咳" in page and "请打电话" not in page
    assert "请打电话" not in await client.text("/work?kind=alert")
    await client.post(f"/alerts/{mild}/claim")
    assert "烧到39度" not in (page := await client.text("/work?owner=mine")) and "有点咳" in page
    assert "有点咳" not in await client.text("/work?owner=free")
    assert "没有符合条件" in await client.text("/work?team=999999")
    assert "烧到39度" in await client.text("/work?level=<script>&owner=x&team=y&kind=z")


async def test_taking_an_alert_stops_its_clock_changes_the_cards_and_hands_the_chat_over(ward: Ward) -> None:
    id = await ward.alert()
    client = await ward.stage.client("linyue")
    assert "已接手" in (text := await told(client, f"/alerts/{id}/claim")) and "<html" not in text and ">我<" in text
    flag = await ward.flag(id)
    assert (flag.state, flag.next_at, flag.owner_id) == ("acknowledged", None, client.seat.staff.id if client.seat else 0)
    async with ward.stage.db.transaction() as tx:
        routes = sorted(row.route for row in await tx.scalars(select(Outbound)))
    assert routes == ["app_update", "kf_trans"]
    boss = await ward.stage.client("zhangwei")
    assert "由别人接手" in await told(boss, f"/alerts/{id}/claim")
    assert (await ward.flag(id)).owner_id == flag.owner_id


async def test_an_alert_is_closed_with_an_outcome(ward: Ward) -> None:
    id = await ward.alert()
    client = await ward.stage.client("linyue")
    assert "请选择处理结果" in await told(client, f"/alerts/{id}/close", outcome="")
    assert (await client.post(f"/alerts/{id}/close", outcome="sent_to_emergency", note="已到急诊")).status == 303
    flag = await ward.flag(id)
    assert (flag.state, flag.outcome) == ("closed", "sent_to_emergency")
    async with ward.stage.db.transaction() as tx:
        changes = (await tx.scalars(select(StateChange).where(StateChange.entity == "flag").order_by(StateChange.id))).all()
    assert changes[-1].reason == "已到急诊" and changes[-1].by == "linyue"
    assert "有人处理过" in await told(client, f"/alerts/{id}/close", outcome="handled")


async def test_an_alert_is_passed_on(ward: Ward) -> None:
    id = await ward.alert()
    client = await ward.stage.client("linyue")
    assert "请选择要转交的人" in await told(client, f"/alerts/{id}/transfer", to="qinlan")
    assert "已转交给张伟" in await told(client, f"/alerts/{id}/transfer", to="zhangwei")
    async with ward.stage.db.transaction() as tx:
        cards = [row.line for row in await tx.scalars(select(Outbound).where(Outbound.purpose == "card"))]
    assert cards == ["staff:zhangwei"]


async def test_a_question_is_answered_in_the_list(ward: Ward) -> None:
    async with ward.stage.db.transaction() as tx:
        await ask_team(tx, await tx.get_one(Chat, ward.chat), ward.child, "能游泳吗", message_id=None, now=ward.stage.now)
        id = (await tx.scalars(select(Flag.id))).one()
    client = await ward.stage.client("linyue")
    assert "能游泳吗" in await client.text("/work?kind=question")
    assert "请写下回答" in await told(client, f"/alerts/{id}/answer", words=" ")
    assert "已经发给家属" in await told(client, f"/alerts/{id}/answer", words="满月后可以")
    assert "没有再发" in await told(client, f"/alerts/{id}/answer", words="可以")
    async with ward.stage.db.transaction() as tx:
        question = (await tx.scalars(select(QuestionToTeam))).one()
        sent = (await tx.scalars(select(Outbound).where(Outbound.purpose == "answer"))).all()
    assert (question.state, question.answer) == ("answered", "满月后可以") and len(sent) == 1


async def test_an_errand_is_taken_done_and_taken_back(ward: Ward) -> None:
    id = await ward.errand()
    client = await ward.stage.client("linyue")
    assert "撤销" in await told(client, f"/errands/{id}/take")
    assert "请写下" in await told(client, f"/errands/{id}/close", state="dropped", note="")
    assert "没有待办" in await told(client, f"/errands/{id}/close", state="done", note="打通了")
    assert "请打电话" in await told(client, f"/lines/undo?item=errand:{id}")
    async with ward.stage.db.transaction() as tx:
        errand = await tx.get_one(Errand, id)
        assert (errand.state, errand.outcome, errand.closed_at) == ("open", None, None) and errand.owner_id is not None
    await client.post(f"/lines/undo?item=errand:{id}")
    await client.post(f"/errands/{id}/close", state="dropped", note="已出国")
    ward.stage.now += timedelta(minutes=11)
    assert "不能撤销" in await told(client, f"/lines/undo?item=errand:{id}")


async def test_a_missed_follow_up_leaves_the_list_and_comes_back(ward: Ward) -> None:
    key = f"task:{await ward.missed()}"
    client = await ward.stage.client("linyue")
    assert "没有待办" in await told(client, "/lines/dealt-with", item=key)
    assert key in await told(client, f"/lines/undo?item={key}")


async def test_several_at_once_but_never_an_emergency(ward: Ward) -> None:
    worst, mild = await ward.alert("emergency", "convulsion"), await ward.alert("same_day", "questionnaire_score")
    errand, task = await ward.errand(), await ward.missed()
    client = await ward.stage.client("linyue")
    marked = [f"flag:{worst}", f"flag:{mild}", f"errand:{errand}", f"task:{task}"]
    assert "已处理3条；另有1条" in await told(client, "/lines/bulk", item=marked, do="close")
    assert ((await ward.flag(worst)).state, (await ward.flag(mild)).state) == ("raised", "closed")
    await client.post("/lines/bulk", item=[f"flag:{worst}"], do="take")
    assert (await ward.flag(worst)).state == "acknowledged"
    assert "先勾选" in await told(client, "/lines/bulk", do="close")


async def test_qin_of_another_team_can_do_none_of_it_and_is_noted(ward: Ward) -> None:
    flag, errand, task = await ward.alert(), await ward.errand(), await ward.missed()
    qin = await ward.stage.client("qinlan")
    tries: list[tuple[str, dict[str, str | list[str]]]] = [
        (f"/alerts/{flag}/claim", {}),
        (f"/alerts/{flag}/transfer", {"to": "next_tier"}),
        (f"/alerts/{flag}/close", {"outcome": "handled"}),
        (f"/alerts/{flag}/answer", {"words": "好"}),
        (f"/errands/{errand}/take", {}),
        (f"/errands/{errand}/close", {"state": "done"}),
        ("/lines/dealt-with", {"item": f"task:{task}"}),
        ("/lines/dealt-with", {"item": f"stopped:{ward.child}:20260301000000"}),
        ("/lines/bulk", {"item": [f"flag:{flag}"], "do": "take"}),
        ("/lines/bulk", {"item": [f"errand:{errand}", f"task:{task}"], "do": "close"}),
        (f"/lines/undo?item=errand:{errand}", {}),
        (f"/lines/undo?item=task:{task}", {}),
        ("/alerts/999999999999999999/claim", {}),
        ("/lines/bulk", {"item": ["nonsense", "flag:x"], "do": "take"}),
    ]
    for path, form in tries:
        assert (await qin.post(path, **form)).status == 404, path
    async with ward.stage.db.transaction() as tx:
        noted = [row.path for row in await tx.scalars(select(AccessRefusal).order_by(AccessRefusal.id))]
        read = (await tx.scalars(select(ReadAudit))).all()
    assert noted == [f"/console{path.partition('?')[0]}" for path, _ in tries] and read == []
    assert (await ward.flag(flag)).state == "raised"


async def test_what_a_family_writes_is_no_markup(ward: Ward) -> None:
    await ward.alert(said='<script>alert(1)</script><img src=x onerror="alert(1)">')
    page = await (await ward.stage.client("linyue")).text("/work")
    assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;" in page


@pytest.mark.browser
async def test_an_alert_is_taken_and_closed_by_hand(ward: Ward, browser_page: OpenPage) -> None:
    await ward.alert("routine", "questionnaire_score", "有点流鼻涕")
    await ward.missed()
    await ward.errand()
    id = await ward.alert("emergency", "convulsion", "刚才抽搐了两分钟")
    ward.stage.now += timedelta(minutes=3)
    page = await browser_page("linyue", "/work")
    await keep_screenshot(page, "work")
    # On a phone nothing is pushed out of the screen or set on end.
    async with ward.stage.db.transaction() as tx:
        (await tx.get_one(Patient, ward.child)).record_number = "D0002-2026-0103-000000000000000000"
    await page.reload()
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    heights = await page.evaluate("[...document.querySelectorAll('.filters label')].map((each) => each.offsetHeight)")
    assert heights and max(heights) < 60, heights
    await page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    row = page.get_by_role("row").filter(has_text="刚才抽搐了两分钟")
    await row.get_by_role("button", name="接手").click()
    await expect(page.locator("#toasts")).to_contain_text("已接手")
    await expect(row).to_contain_text("我")
    await row.locator("summary").filter(has_text="关闭").click()
    await assert_accessible(page)
    await row.get_by_label("处理结果").select_option("sent_to_emergency")
    await row.get_by_role("button", name="关闭预警").click()
    await expect(page.locator("#toasts")).to_contain_text("预警已关闭")
    await expect(row).to_have_count(0)
    assert (await ward.flag(id)).outcome == "sent_to_emergency"
    # What was done to a line is taken back from its note.
    await page.get_by_role("row").filter(has_text="没有回复").get_by_role("button", name="已处理").click()
    await page.locator("#toasts").get_by_role("button", name="撤销").click()
    await expect(page.get_by_role("row").filter(has_text="没有回复")).to_have_count(1)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("小宇")
