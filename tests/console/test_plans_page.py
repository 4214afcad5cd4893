"""Making a template, trying it, having it approved by somebody else and putting a cohort on it: Chromium on the pages."""

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from bot.cohort_enrolments import enrol_cohorts
from records.care_plan import CarePlan
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import ZONE, Stage
from tests.console.test_cohorts import kept
from tests.console.test_plans import stage

__all__ = ["stage"]
pytestmark = pytest.mark.browser


async def test_from_a_new_template_to_enrolled_patients(stage: Stage, browser_page: OpenPage) -> None:
    await kept(await stage.client("linyue"), "两岁以下", "年龄 <= 2")
    page = await browser_page("linyue", "/plans")
    await page.get_by_role("link", name="写新计划").click()
    await page.get_by_label("第1步的标题").fill("出院问候")
    await expect(page.locator("#check")).to_contain_text("出院问候")
    await page.get_by_role("button", name="测量", exact=True).click()
    await expect(page.locator("#step-rows li")).to_have_count(2)
    await expect(page.locator("#check")).to_contain_text("没有发现错误，2步")
    yaml = page.locator("#yaml")
    written = await yaml.input_value()
    assert "title: 出院问候" in written and "temperature" in written
    await yaml.fill(written.replace("kind: message", "kind: mesage"))
    await expect(page.locator("#check")).to_contain_text("1处要改")
    await expect(page.locator("#check")).to_contain_text("是不是想写“message”")
    await page.locator("#check [data-line]").click()
    assert await page.evaluate("() => getSelection().toString() || document.activeElement.id") in ("yaml", "  kind: mesage")
    await yaml.fill(written)
    await expect(page.locator("#check")).to_contain_text("没有发现错误，2步")
    await assert_accessible(page)
    await keep_screenshot(page, "plans")
    await page.get_by_role("button", name="存为草稿").click()
    await expect(page.locator("#main")).to_contain_text("要由另一位同事审核发布")
    await page.get_by_role("link", name="试运行").click()
    await page.get_by_role("button", name="试运行").click()
    await expect(page.locator("#found")).to_contain_text("每次都回复的家庭")
    await assert_accessible(page)

    approver = await browser_page("zhangwei", "/plans")
    await approver.get_by_role("link", name="新计划 第1版").click()
    await approver.get_by_role("button", name="审核通过并发布").click()
    await expect(approver.locator("#toasts")).to_contain_text("已发布")

    await page.goto(f"{stage.origin}/console/plans/my_plan/enrol")
    await page.get_by_role("button", name="先核对一遍").click()
    await expect(page.locator("[data-ready]")).to_have_text("2")
    await assert_accessible(page)
    await page.get_by_role("button", name="确认加入").click()
    await expect(page.locator("[data-state=running]")).to_be_visible()
    await enrol_cohorts(stage.db, lambda: stage.now, ZONE)
    await expect(page.locator("[data-state=done]")).to_contain_text("加入2人")
    async with stage.db.transaction() as tx:
        assert set(await tx.scalars(select(CarePlan.patient_id))) == {await stage.patient("D0001"), await stage.patient("D0002")}
    await page.get_by_role("link", name="看计划的进展").click()
    await assert_accessible(page)


async def test_a_nurse_of_another_team_may_neither_write_nor_approve_nor_see_the_order(stage: Stage, browser_page: OpenPage) -> None:
    lin = await stage.client("linyue")
    cohort = await kept(lin, "两岁以下", "年龄 <= 2")
    order = await lin.post("/plans/newborn_care/enrol", cohort=str(cohort), hour="")
    page = await browser_page("qinlan", "/plans")
    await expect(page.get_by_role("link", name="新生儿出院后居家观察")).to_be_visible()
    await expect(page.get_by_role("link", name="写新计划")).to_have_count(0)
    for path in ("/plan-drafts/new", order.headers["Location"].removeprefix("/console").split("?")[0]):
        await page.goto(f"{stage.origin}/console{path}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("权限")
