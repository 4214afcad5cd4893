"""The inbox in Chromium: a family is answered and handed back, and what families write runs nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect
from sqlalchemy import update

from records.database import Database
from records.patient import Carer
from tests.console.browser import NARROW, OpenPage, assert_accessible, browser_pages, keep_screenshot
from tests.console.inbox_stage import Inbox, open_inbox

pytestmark = pytest.mark.browser
NASTY = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@pytest.fixture
async def inbox(db: Database, tmp_path: Path) -> AsyncIterator[Inbox]:
    async with open_inbox(db, tmp_path) as opened:
        yield opened


@pytest.fixture
async def inbox_page(chromium: str, inbox: Inbox) -> AsyncIterator[OpenPage]:
    async with browser_pages(chromium, inbox) as open_page:
        yield open_page


async def test_a_nurse_answers_a_family_and_hands_it_back(inbox: Inbox, inbox_page: OpenPage) -> None:
    family = await inbox.road.family("赵晓燕", {"name": "朵朵", "days": 214, "tags": []})
    other = await inbox.road.family("钱建国", {"name": NASTY, "days": 40})
    async with inbox.road.db.transaction() as tx:
        await tx.execute(update(Carer).where(Carer.external_userid == other.user).values(name=NASTY))
    await other.says(NASTY)
    await family.says("宝宝今天6斤8两", "昨晚有点咳，睡得还行")
    page = await inbox_page("linyue", "/inbox")
    await page.locator("#chat-list a", has_text="朵朵").click()
    await expect(page.locator("#lines")).to_contain_text("昨晚有点咳")
    await expect(page.locator("#standing")).to_contain_text("助手接待")

    await page.get_by_label("家长会看到").fill("咳嗽带痰吗？有没有发烧？")
    await page.get_by_role("button", name="接手并发送").click()
    await expect(page.locator("#standing")).to_contain_text("由您接待")
    await expect(page.locator("#lines .staff")).to_contain_text("咳嗽带痰吗")
    await expect(page.get_by_label("家长会看到")).to_have_value("")
    await inbox.road.settle()
    assert await family.last() == "【护士 林悦】\n咳嗽带痰吗？有没有发烧？"

    # What the family answers comes by itself, beside what she is just writing, and the bot says nothing to it.
    await page.get_by_label("家长会看到").fill("正在写")
    await family.says("没有发烧，有一点痰")
    await expect(page.locator("#lines")).to_contain_text("没有发烧，有一点痰")
    await expect(page.get_by_label("家长会看到")).to_have_value("正在写")
    await page.get_by_text("内部备注").click()
    await page.get_by_label("不会发给家长").first.fill("夜间咳，观察 24 小时")
    await page.get_by_role("button", name="记下").click()
    await expect(page.locator("#lines .note")).to_contain_text("观察 24 小时")
    await expect(page.get_by_label("家长会看到")).to_have_value("正在写")
    await page.get_by_label("家长会看到").fill("多喂温水，拍拍背。痰多或发烧随时在这里说。")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#lines .staff").last).to_contain_text("多喂温水")
    await inbox.road.settle()
    await assert_accessible(page)
    await keep_screenshot(page, "inbox")

    await page.locator("summary", has_text="结束对话").click()
    await page.get_by_label("处理结果").select_option("已指导居家护理")
    await page.get_by_role("button", name="结束，由助手继续接待").click()
    await expect(page.locator("#standing")).to_contain_text("助手接待")
    await expect(page.locator("#lines")).to_contain_text("林悦结束了对话，结果：已指导居家护理")
    await family.says("谢谢")
    assert await family.last() == "听到：谢谢"

    # A family's words are text, wherever they are shown.
    await page.locator("#chat-list a", has_text="window.hacked").first.click()
    await expect(page.locator("#lines .said").first).to_have_text(NASTY)
    await expect(page.locator("#beside h2")).to_contain_text(NASTY)
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("img[src=x], [onerror]").count() == 0


async def test_why_nothing_can_be_sent_is_said_on_a_narrow_screen(inbox: Inbox, inbox_page: OpenPage) -> None:
    family = await inbox.road.family("赵晓燕", {"name": "朵朵", "days": 214})
    await family.says("转人工")
    page = await inbox_page("hemin", "/inbox", size=NARROW)
    await page.locator("#chat-list a", has_text="朵朵").click()
    await expect(page.locator("#standing .note")).to_contain_text("企业微信里由林悦接待")
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    await page.get_by_role("button", name="收回到这里接待").click()
    await inbox.road.settle()
    await expect(page.locator("#standing")).to_contain_text("等家长再发一句话才能回复")
    assert "请您回复任意一句话" in await family.last()
    await assert_accessible(page)
