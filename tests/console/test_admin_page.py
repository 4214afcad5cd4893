"""The team's and the administrators' pages in Chromium, with something on them: by mouse, for everybody, on a narrow screen."""

import pytest
from playwright.async_api import expect

from bot.doctor_finding import Finding
from bot.settings import Settings
from bot.staff_sync import Corp
from console.installation import Installation
from records.database import Database
from tests.console.browser import NARROW, OpenPage, assert_accessible, browser_pages, keep_screenshot
from tests.console.stage import Stage, open_stage
from tests.console.test_admin_system import dead_letter
from tests.console.test_admin_triage import CHANGE
from tests.console.test_team import give_work

pytestmark = pytest.mark.browser
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def test_a_lead_fills_the_rota_and_hands_work_over(stage: Stage, browser_page: OpenPage) -> None:
    await give_work(stage, "linyue")
    page = await browser_page("zhangwei", "/team")
    row = page.locator("#rota tbody tr", has_text="林悦")
    await row.get_by_role("button", name="结束").click()
    await expect(row).to_have_count(0)
    rota = page.locator("#rota")
    await rota.get_by_label("成员").select_option(label="林悦 随访护士")
    await rota.get_by_label("梯队").select_option("2")
    await rota.get_by_label("从").fill("2026-03-02T18:00")
    await rota.get_by_label("到").fill("2026-03-03T08:00")
    await rota.get_by_role("button", name="排班").click()
    await expect(page.get_by_text("第2梯队在今后14天里有2段时间没有人值班")).to_be_visible()
    await keep_screenshot(page, "team")
    await assert_accessible(page)
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    assert await page.evaluate(_TOO_WIDE) <= 0
    await page.locator("tr", has_text="林悦").get_by_role("link", name="交接").click()
    await page.get_by_label("交给").select_option(label="张伟 主任医师")
    await page.get_by_role("button", name="交接").click()
    await expect(page.get_by_role("heading", name="随访中心")).to_be_visible()


async def test_an_administrator_looks_the_installation_over(db: Database, chromium: str) -> None:
    async def check() -> list[Finding]:
        return [Finding(True, "数据库可用（内置 PostgreSQL）。"), Finding(False, "Secret 不对（40001）。请核对 wecom.secret。")]

    async def directory() -> Corp:
        raise OSError

    async with (
        open_stage(db, installation=Installation(Settings(), check, directory)) as stage,
        browser_pages(chromium, stage) as browser_page,
    ):
        await dead_letter(stage)
        page = await browser_page("admin", "/admin/system")
        await expect(page.locator("#findings")).to_contain_text("1个问题")
        await keep_screenshot(page, "admin")
        for path in ("/admin/system", "/admin/feeds", "/admin/people/1", "/admin/roles/1", "/admin/tags/preterm", "/admin/rules/new"):
            await page.goto(f"{stage.origin}/console{path}")
            await assert_accessible(page)
            await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
            assert await page.evaluate(_TOO_WIDE) <= 0, path
            await page.set_viewport_size({"width": 1280, "height": 800})
        await page.goto(f"{stage.origin}/console/admin/triage/new")
        await page.get_by_label("团队").select_option("随访中心")
        await page.get_by_label("调整").fill(CHANGE)
        await page.get_by_label("用一句话试试").fill("流鼻血了")
        await page.get_by_role("button", name="试一试").click()
        await expect(page.get_by_role("status").filter(has_text="流鼻血了")).to_contain_text("尽快")
        await assert_accessible(page)
