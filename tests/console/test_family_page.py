"""The family's pages in Chromium on a small phone: a link from the chat, a dangerous value, a day's look around; readable by everybody."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from playwright.async_api import expect

from console.family.desk import BASE
from console.family.enter import COOKIE
from plans.finding import store
from plans.template import load_templates
from records.appointment import Appointment
from records.database import Database
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.patient import Patient
from tagging.patient import PatientFacts
from tagging.understanding import understand
from tests.console.browser import NARROW, OpenPage, assert_accessible, browser_pages, keep_screenshot
from tests.console.family_stage import FamilyStage, open_family
from tests.console.stage import NOW

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def language() -> None:
    """The tables of the language are read, which a running service does before a family comes."""
    understand("37℃", context=None, patient=PatientFacts(age_days=None), now=NOW)
    load_templates()


@pytest.fixture
async def family(db: Database, language: None) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


@pytest.fixture
async def open_page(chromium: str, family: FamilyStage) -> AsyncIterator[OpenPage]:
    async with browser_pages(chromium, family, BASE, COOKIE) as opened:
        yield opened


async def test_a_link_from_the_chat_leads_to_a_fever_and_the_words_that_matter(family: FamilyStage, open_page: OpenPage) -> None:
    page = await open_page(None, f"/enter?token={await family.link()}", size=NARROW)
    await expect(page.get_by_role("heading", name="今天")).to_be_visible()
    assert "token" not in page.url
    await page.get_by_role("navigation", name="页面").get_by_role("link", name="报数值").tap()
    await page.get_by_role("link", name="体温").tap()
    field = page.get_by_label("体温（℃）")
    await page.get_by_role("button", name="体温加一点").tap()
    await expect(field).to_have_value("36.8")
    await page.get_by_role("slider").fill("39.5")
    for _ in range(3):
        await page.get_by_role("button", name="体温加一点").tap()
    await expect(field).to_have_value("39.8")
    await assert_accessible(page)
    await keep_screenshot(page, "family-report")
    await page.get_by_role("button", name="记下来").tap()
    danger = page.get_by_role("alert")
    await expect(danger).to_contain_text("请马上这样做", timeout=30_000)
    await expect(danger).to_contain_text("急诊")
    await assert_accessible(page)
    await keep_screenshot(page, "family-danger")
    await page.get_by_role("link", name="回到今天").tap()
    await expect(page.get_by_role("alert")).to_contain_text("已经通知值班医护")
    await page.get_by_role("navigation", name="页面").get_by_role("link", name="趋势").tap()
    await expect(page.locator(".trend")).to_contain_text("要马上找医生看")
    [flag] = await family.flags()
    assert (flag.level, flag.said, flag.patient_id) == ("emergency", "体温39.8℃", await family.child("小满"))


async def test_everything_fits_a_small_phone_and_is_readable_by_everybody(family: FamilyStage, open_page: OpenPage) -> None:
    await family.enrolled("小满", "neonatal", discharge=date(2026, 2, 26))
    child = await family.child("小满")
    async with family.db.transaction() as tx:
        patient = await tx.get_one(Patient, child)
        for days, value in enumerate((37.9, 37.4, 36.9, 36.8, 37.1)):
            at = family.now - timedelta(days=5 - days)
            await store(tx, patient, code="temperature", value=value, unit="Cel", text=f"{value}度", at=at, now=at, message_id=None)
        source = {"patient_id": child, "source": "his", "updated_at": family.now}
        tx.add(Appointment(source_id="a1", starts_at=family.now + timedelta(days=8), department="新生儿科", place="门诊3楼", **source))
        tx.add(MedicationRequest(source_id="m1", name="维生素D滴剂", dose="400单位", frequency="每天1次", times=["09:00"], **source))
        tx.add(
            LabResult(
                source_id="l1", report="血常规", item="白细胞", text="12.3", value=12.3, unit="10^9/L", reference_range="4.0-10.0",
                flag="H", collected_at=family.now - timedelta(days=3), released_at=family.now - timedelta(days=2), **source,
            )
        )  # fmt: skip
    page = await open_page("赵敏", f"/{child}/today", size=NARROW)
    paths = ("today", "calendar", "report", "report/blood_pressure", "trends", "more", "learn", "results", "medicines", "questionnaires")
    for path in (*paths, "privacy", "withdraw"):
        await page.goto(f"{family.origin}{BASE}/{child}/{path}")
        await expect(page.locator("h1").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW[0], path
        small = await page.evaluate(
            "[...document.querySelectorAll('main .weui-btn, .tabs a, .children a, .tiles a, .pick')]"
            ".filter((each) => each.offsetHeight && each.offsetHeight < 40).map((each) => each.textContent)"
        )
        assert small == [], path
        await assert_accessible(page)
        if path == "trends":
            await keep_screenshot(page, "family-trends")
        if path == "today":
            await keep_screenshot(page, "family-today")
