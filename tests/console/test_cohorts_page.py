"""Building a cohort as a nurse does it: Chromium on the page."""

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from records.cohort import Cohort
from tests.console.browser import NARROW, OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import Stage
from tests.console.test_cohorts import stage

__all__ = ["stage"]
pytestmark = pytest.mark.browser


async def test_a_nurse_builds_a_cohort_by_clicks_and_in_words_and_sees_the_count(stage: Stage, browser_page: OpenPage) -> None:
    page = await browser_page("linyue", "/cohorts/new")
    answer, text = page.locator("#answer"), page.locator("#text")
    await page.get_by_label("标签，多个用顿号隔开").fill("早产儿")
    await expect(answer).to_contain_text("1 位您的患儿符合")
    await expect(text).to_have_value("标签 早产儿")
    await page.get_by_role("button", name="加一项条件").click()
    await page.locator("#row-2-field").select_option("age_years")
    await expect(page.locator("#row-2-op")).to_have_value("<=")
    await page.locator("#row-2-value").fill("2")
    await page.locator("#row-2-join").select_option("or")
    await expect(answer).to_contain_text("2 位您的患儿符合")
    await expect(text).to_have_value("标签 早产儿\n或 年龄 <= 2")
    await page.get_by_role("button", name="列出前50位").click()
    await expect(page.locator("#who")).to_contain_text("小宇")
    await text.fill("标签 早产儿 且\n月龄 很小")
    await expect(answer).to_contain_text("第2行第4列")
    await text.fill("标签 早产儿 且 性别 女")
    await expect(answer).to_contain_text("1 位您的患儿符合")
    await expect(page.locator("#rows li")).to_have_count(2)
    await expect(page.locator("#row-2-field")).to_have_value("sex")
    await page.get_by_label("病历号").fill("D0002")
    await page.get_by_role("button", name="为什么").click()
    await expect(page.locator("#who")).to_contain_text("不在里面")
    await assert_accessible(page)
    await keep_screenshot(page, "cohorts")
    await page.get_by_label("名称").fill("早产女孩")
    await page.get_by_role("button", name="保存人群").click()
    await expect(page.get_by_role("heading", name="早产女孩")).to_be_visible()
    await expect(page.locator("#main")).to_contain_text("朵朵")
    await assert_accessible(page)
    async with stage.db.transaction() as tx:
        assert (await tx.scalars(select(Cohort.name))).all() == ["早产女孩"]


async def test_another_team_counts_none_of_them(stage: Stage, browser_page: OpenPage) -> None:
    page = await browser_page("qinlan", "/cohorts/new", size=NARROW)
    await page.locator("#text").fill("标签 早产儿 或 年龄 < 2")
    await expect(page.locator("#answer")).to_contain_text("0 位您的患儿符合")
    await page.get_by_label("病历号").fill("D0001")
    await page.get_by_role("button", name="为什么").click()
    await expect(page.locator("#toasts")).to_contain_text("没有查看权限")
    await expect(page.locator("#who")).to_be_empty()
