"""The clinician's phone: from a card in WeCom to the alert, the family and its end; Qin of another team sees nothing and is noted."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from bot.cards import with_link
from records.database import Database
from records.patient import Carer, Patient, ReadAudit
from records.refusal import AccessRefusal
from records.tag import PatientTag
from tests.console.browser import NARROW, OpenPage, assert_accessible, browser_pages, keep_screenshot
from tests.console.inbox_stage import Inbox, open_inbox
from tests.console.stage import Stage, open_stage
from tests.console.test_sign_in import Corp
from tests.console.test_work import Ward

WECOM = {"User-Agent": "Mozilla/5.0 (iPhone) wxwork/4.1.0 MicroMessenger/7.0.1", "Accept": "text/html"}


@pytest.fixture
async def inbox(db: Database, tmp_path: Path) -> AsyncIterator[Inbox]:
    async with open_inbox(db, tmp_path) as opened:
        yield opened


@pytest.fixture
async def phone(chromium: str, inbox: Inbox) -> AsyncIterator[OpenPage]:
    async with browser_pages(chromium, inbox) as open_page:
        yield open_page


@pytest.fixture
async def ward(stage: Stage) -> Ward:
    return await Ward(stage).open()


@pytest.mark.browser
async def test_a_nurse_takes_an_alert_writes_and_closes_it(inbox: Inbox, phone: OpenPage) -> None:
    family = await inbox.road.family("赵晓燕", {"name": "朵朵", "days": 60})
    async with inbox.road.db.transaction() as tx:
        (await tx.scalars(select(Carer))).one().phone = "13800005566"
    await family.says("宝宝今天6斤8两", "烧到38度5了，才两个月")
    [card] = await inbox.road.cards("linyue")
    opened = urlsplit(card["template_card"]["card_action"]["url"]).path
    page = await phone("linyue", opened.removeprefix("/console"), size=NARROW)
    await expect(page.locator("#alert")).to_contain_text("才两个月")
    await page.get_by_role("button", name="接手").click()
    await expect(page.locator("#alert")).to_contain_text("我在处理")
    await expect(page.locator(".toast")).to_have_count(1)
    await assert_accessible(page)
    await page.get_by_role("button", name="打电话").click()
    await expect(page.get_by_role("link", name="13800005566")).to_have_attribute("href", "tel:13800005566")
    await page.get_by_role("button", name="取消").click()

    await page.get_by_role("link", name="写消息").click()
    await page.get_by_label("家长会看到").fill("我是林护士，现在精神怎么样？")
    await page.get_by_role("button", name="接手并发送").click()
    await expect(page.locator("#standing")).to_contain_text("由您接待")
    await inbox.road.settle()
    assert "现在精神怎么样" in await family.last()
    await assert_accessible(page)

    await page.get_by_role("link", name="发热").click()
    await expect(page.locator("#alert .bubble.mine")).to_contain_text("现在精神怎么样")
    await keep_screenshot(page, "phone")
    await page.get_by_role("button", name="关闭", exact=True).click()
    await page.get_by_label("已请家属去急诊").check()
    await page.get_by_role("button", name="关闭预警").click()
    await expect(page.locator("#home")).to_contain_text("没有待办")
    [flag] = await inbox.road.flags()
    assert (flag.state, flag.outcome) == ("closed", "sent_to_emergency")


async def test_home_has_alerts_first_and_one_tap_takes(ward: Ward) -> None:
    await ward.missed()
    errand, flag = await ward.errand(kind="call"), await ward.alert()
    ward.stage.now += timedelta(minutes=12)
    lin, zhang = await ward.stage.client("linyue"), await ward.stage.client("zhangwei")
    home = await lin.text("/m")
    assert home.index('"work-alert"') < home.index('"work-missed"') < home.index('"work-errand"')
    assert "12分钟" in home and f"/m/alerts/{flag}" in home and "请二线" in home and "：3月1日没有回复" in home
    taken = await lin.post(f"/m/alerts/{flag}/claim", htmx=True)
    assert taken.headers["HX-Redirect"] == f"/console/m/alerts/{flag}?said=work_claimed"
    # Who comes second hears who was first, and his page stays as it is.
    late = await zhang.post(f"/m/alerts/{flag}/claim", htmx=True)
    assert late.status == 409 and "已经由别人接手" in await late.text()
    assert "林悦在处理" in await zhang.text(f"/m/alerts/{flag}")
    mine = await lin.text("/m?owner=mine")
    assert f"/m/alerts/{flag}" in mine and f"/m/errands/{errand}" not in mine
    took = await lin.post(f"/m/errands/{errand}/take", htmx=True)
    assert "said=work_took" in took.headers["HX-Redirect"] and "undo=" in took.headers["HX-Redirect"]
    assert (await lin.post(f"/m/lines/undo?item=errand:{errand}")).status == 303


async def test_an_alert_is_passed_on_or_closed_with_an_outcome_alone(ward: Ward) -> None:
    flag, lin = await ward.alert(), await ward.stage.client("linyue")
    for deed in ("close", "transfer"):
        refused = await lin.post(f"/m/alerts/{flag}/{deed}", htmx=True, outcome="fine", to="nobody")
        assert refused.status == 409 and "请选择" in await refused.text()
    assert (await ward.flag(flag)).state != "closed"
    await lin.post(f"/m/alerts/{flag}/transfer", to="zhangwei")
    assert (await ward.flag(flag)).state == "delivered"
    closed = await lin.post(f"/m/alerts/{flag}/close", outcome="advised", note="多喝水")
    assert closed.headers["Location"] == "/console/m?said=work_closed"
    assert "已指导居家护理" in await lin.text(f"/m/alerts/{flag}")


async def test_the_patient_in_short_and_a_word_about_a_tag(ward: Ward) -> None:
    async with ward.stage.db.transaction() as tx:
        (await tx.get_one(Patient, ward.child)).phones = ["010-5555-0199"]
    await ward.alert()
    lin, here = await ward.stage.client("linyue"), f"/m/patients/{ward.child}"
    page = await lin.text(here)
    assert "小宇" in page and "最近数值" in page and "/m/alerts/" in page and "加标签" in page and "010-5555-0199" not in page
    assert "小宇" in await lin.text("/m/patients?q=D0002")
    assert "tel:010-5555-0199" in await lin.text(f"{here}/numbers")
    silent = await lin.post(f"{here}/tags", htmx=True, code="preterm", word="carries", why="")
    assert silent.status == 409 and "理由" in await silent.text()
    said = await lin.post(f"{here}/tags", code="preterm", word="carries", why="出院小结写明")
    assert said.headers["Location"] == f"/console{here}?said=tag_carries"
    assert "出院小结写明" in await lin.text(here)
    async with ward.stage.db.transaction() as tx:
        assert len(list(await tx.scalars(select(PatientTag).where(PatientTag.patient_id == ward.child)))) == 1
        assert "call" in set(await tx.scalars(select(ReadAudit.why).where(ReadAudit.patient_id == ward.child)))


async def test_another_team_finds_nothing_and_is_noted(ward: Ward) -> None:
    flag, errand = await ward.alert(), await ward.errand()
    lin, qin = await ward.stage.client("linyue"), await ward.stage.client("qinlan")
    pages = [f"/m/alerts/{flag}", f"/m/alerts/{flag}/numbers", f"/m/patients/{ward.child}", f"/m/patients/{ward.child}/numbers"]
    pages += [f"/m/chats/{ward.chat}"]
    deeds = [f"/m/alerts/{flag}/{deed}" for deed in ("claim", "transfer", "close", "answer")]
    deeds += [f"/m/errands/{errand}/take", f"/m/errands/{errand}/close"]
    assert [(await lin.get(path)).status for path in pages] == [200] * len(pages)
    assert [(await qin.get(path)).status for path in pages] == [404] * len(pages)
    form = [("to", "next_tier"), ("outcome", "advised"), ("words", "好"), ("state", "done")]
    assert [(await qin.post(path, form)).status for path in deeds] == [404] * len(deeds)
    tag = await qin.post(f"/m/patients/{ward.child}/tags", code="preterm", word="carries", why="x")
    assert tag.status == 404 and "小宇" not in await qin.text("/m")
    async with ward.stage.db.transaction() as tx:
        noted = list(await tx.scalars(select(AccessRefusal.path)))
    assert noted == [f"/console{path}" for path in (*pages, *deeds, f"/m/patients/{ward.child}/tags")]
    assert (await ward.flag(flag)).state == "raised"


async def test_a_card_s_link_opened_in_wecom_signs_in_without_a_page(db: Database) -> None:
    corp, deep = Corp({"c1": "linyue"}), "/m/patients?q=D0002"
    async with open_stage(db, wecom=corp) as stage:
        client = await stage.client(None)
        asked = await client.get(deep, headers={"Accept": "text/html"})
        assert asked.headers["Location"].startswith("/console/sign-in?next=")
        gone = await client.get(deep, headers=WECOM)
        step = gone.headers["Location"].removeprefix("/console")
        assert step == "/sign-in/wecom?next=%2Fconsole%2Fm%2Fpatients%3Fq%3DD0002"
        state = (await client.get(step, headers=WECOM)).headers["Location"].partition("state=")[2]
        back, inside = corp.asked[0]
        assert inside
        landed = await client.get(f"{back.partition('/console')[2]}&code=c1&state={state}", headers=WECOM)
        assert landed.headers["Location"] == f"/console{deep}" and "小宇" in await client.text(deep)


def test_a_card_is_sent_with_its_page_where_staff_can_open_one() -> None:
    kept = {"task_id": "flag-1-1-1", "page": "/console/m/alerts/1"}
    assert with_link(kept, "") == with_link({"task_id": "flag-1-1-1"}, "https://care.example") == {"task_id": "flag-1-1-1"}
    opened = {"type": 1, "url": "https://care.example/console/m/alerts/1"}
    assert with_link(kept, "https://care.example") == {"task_id": "flag-1-1-1", "card_action": opened}


async def test_a_closed_window_is_said_where_she_would_write(ward: Ward) -> None:
    lin = await ward.stage.client("linyue")
    assert "还能发" in await lin.text(f"/m/chats/{ward.chat}")
    ward.stage.now += timedelta(hours=49)
    lin = await ward.stage.client("linyue")
    assert "超过 48 小时没有发言" in await lin.text(f"/m/chats/{ward.chat}")
    refused = await lin.post(f"/inbox/{ward.chat}/say", htmx=True, words="您好", nonce="0" * 16)
    assert refused.status == 409 and "窗口已关闭" in await refused.text()
